-- Notices, how many are unread, and what people prefer of them. Fed by notice.*; in practices' logs, the preferences in
-- accounts'.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {notice} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    seq bigint not null,
    kind text not null,
    shown boolean not null,
    unread boolean not null,
    digest bigint not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {notice}_by_owner on {notice} (log_id, owner, seq);
create index if not exists {notice}_by_unread on {notice} (log_id, owner, unread, seq);

create table if not exists {notice_board} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    unread bigint not null,
    primary key (log_id, id)
);
create index if not exists {notice_board}_by_unread on {notice_board} (log_id, owner, unread);

create table if not exists {notice_preferences} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);
