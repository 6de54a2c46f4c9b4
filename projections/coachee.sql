-- Coachees: profile, status, invitation. Fed by coachee.*; session.* sets the newest sessions.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {coachee} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    status text not null,
    name_key bytea not null,
    last_name_key bytea not null,
    lead bytea,
    billing_model text,
    deactivated boolean not null,
    added_at bigint not null,
    last_session_at bigint not null,
    primary key (log_id, id)
);
create index if not exists {coachee}_by_name_key on {coachee} (log_id, name_key, id);
create index if not exists {coachee}_by_last_name_key on {coachee} (log_id, last_name_key, id);
create index if not exists {coachee}_by_added_at on {coachee} (log_id, added_at, id);
create index if not exists {coachee}_by_last_session_at on {coachee} (log_id, last_session_at, id);
create index if not exists {coachee}_by_status_name_key on {coachee} (log_id, status, name_key, id);
-- How many there are, which the index alone answers.
create index if not exists {coachee}_by_deactivated on {coachee} (log_id, deactivated, id, owner, shared, subject, status);

create table if not exists {coachee_email} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);

create table if not exists {coachee_invitation} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    due bigint not null,
    primary key (log_id, id)
);
create index if not exists {coachee_invitation}_by_due on {coachee_invitation} (due);

create table if not exists {activation} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);

-- Words of names and addresses: a coachee is found by the beginning of one. The index alone answers that: it holds what
-- sight asks for, too.
create table if not exists {coachee_word} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    word text not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {coachee_word}_by_word on {coachee_word} (log_id, word, subject, owner, shared);
