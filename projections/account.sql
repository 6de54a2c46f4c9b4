-- Accounts, email addresses, sign-ins and portals. Fed by account.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {address} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);

create table if not exists {account} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);

create table if not exists {login} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    since bigint not null,
    due bigint not null,
    primary key (log_id, id)
);
create index if not exists {login}_by_due on {login} (due);

create table if not exists {portal} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);

-- Tokens for programs: hashes, scopes and an end.
create table if not exists {access_token} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    since bigint not null,
    due bigint not null,
    primary key (log_id, id)
);
create index if not exists {access_token}_by_due on {access_token} (due);

-- Google accounts, and whose they are.
create table if not exists {google_account} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);
