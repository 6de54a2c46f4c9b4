-- Sessions, their notes, next steps and self-ratings. Fed by session.*.
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
) /*sqlite: without rowid*/;
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
) /*sqlite: without rowid*/;
-- The coachee's list: the newest session first, its steps in their order.
create index if not exists {next_step}_by_subject_session on {next_step} (log_id, subject, session desc, place, id);

-- How coaches found their own coaching; each row is its owner's alone.
create table if not exists {self_rating} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    started_at bigint not null,
    primary key (log_id, id)
);
-- A coach's development: their own ratings in the order of the sessions.
create index if not exists {self_rating}_by_owner_started_at on {self_rating} (log_id, owner, started_at, id);
