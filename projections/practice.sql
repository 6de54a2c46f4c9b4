-- Practices, their coaches and who has access to whom. Fed by practice.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {practice} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);

create table if not exists {member} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    name_key bytea not null,
    primary key (log_id, id)
);
create index if not exists {member}_by_name_key on {member} (log_id, name_key, id);

create table if not exists {coach_invitation} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    due bigint not null,
    primary key (log_id, id)
);
create index if not exists {coach_invitation}_by_due on {coach_invitation} (due);

create table if not exists {access} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    coach bytea not null,
    client bytea not null,
    granted bigint not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {access}_by_coach on {access} (log_id, coach);
create index if not exists {access}_by_client on {access} (log_id, client);
