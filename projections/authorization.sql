-- Authorizations and the units that sessions hold or have used. Fed by authorization.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {authorization} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    starts bigint not null,
    ends bigint not null,
    closed boolean not null,
    remaining bigint not null,
    number_key bytea not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {authorization}_by_ends on {authorization} (log_id, ends, id);
create index if not exists {authorization}_by_subject_ends on {authorization} (log_id, subject, ends, id);

create table if not exists {unit} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
