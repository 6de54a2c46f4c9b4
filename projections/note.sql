-- Notes, their texts and comments. Fed by note.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {note} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    changed_at bigint not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
-- Somebody's list, those about a coachee, somebody's own, those that coachees shared: what changed last first.
create index if not exists {note}_by_changed_at on {note} (log_id, changed_at, id);
create index if not exists {note}_by_subject_changed_at on {note} (log_id, subject, changed_at, id);
create index if not exists {note}_by_owner_changed_at on {note} (log_id, owner, changed_at, id);
create index if not exists {note}_by_shared_changed_at on {note} (log_id, shared, changed_at, id);

create table if not exists {note_text} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);

create table if not exists {note_comment} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    note bytea not null,
    at bigint not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {note_comment}_by_note_at on {note_comment} (log_id, note, at, id);
