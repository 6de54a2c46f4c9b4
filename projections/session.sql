-- Sessions, their notes and next steps. Fed by session.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {session} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    coachee bytea not null,
    started_at bigint not null,
    status text not null,
    primary key (log_id, id)
);
create index if not exists {session}_by_started_at on {session} (log_id, started_at, id);
create index if not exists {session}_by_subject_started_at on {session} (log_id, subject, started_at, id);

create table if not exists {notes} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);

create table if not exists {next_step} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    session bytea not null,
    place bigint not null,
    done boolean not null,
    primary key (log_id, id)
);
-- The coachee's list: the newest session first, its steps in their order.
create index if not exists {next_step}_by_subject_session on {next_step} (log_id, subject, session desc, place, id);
