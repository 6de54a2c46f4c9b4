-- The truth: every log's events, and what is written in the same transaction as they are.
--
-- One script for both databases. Ids are 16 bytes, times are microseconds UTC, numbers are bigint. Every key begins
-- with log_id, so that the tables can be distributed by it. On opening, the store gives each text column the
-- collation "C" on PostgreSQL (SQLite's is bytewise anyway), and uncomments what stands in a comment that begins with
-- a database's name.

-- The head row of a log: locked while a command is decided. See store::Head.
create table heads (
    log_id     bytea  not null primary key,
    kind       text   not null,
    seq        bigint not null,
    at         bigint not null,
    frontier   bytea  not null,
    generation bigint not null,
    folded     bytea  not null
) /*postgres: with (fillfactor = 50)*/ /*sqlite: without rowid*/;

-- The log. A row is its record; the other columns are copies of what the record says, to be searched. See store::Event.
create table events (
    log_id  bytea  not null,
    seq     bigint not null,
    thing   bytea  not null,
    kind    text   not null,
    version bigint not null,
    subject bytea  not null,
    owner   bytea,
    actor   bytea,
    behalf  bytea,
    command bytea  not null,
    at      bigint not null,
    record  bytea  not null,
    leaf    bytea  not null,
    primary key (log_id, seq)
) /*sqlite: without rowid*/;

-- The history of a thing, a subject's part of the log, and what somebody did.
create index events_by_thing on events (log_id, thing, seq);
create index events_by_subject on events (log_id, subject, seq);
create index events_by_actor on events (log_id, actor, seq);

-- The roots of complete subtrees, kept so that a proof is cheap.
create table tree_nodes (
    log_id   bytea  not null,
    level    bigint not null,
    position bigint not null,
    hash     bytea  not null,
    primary key (log_id, level, position)
) /*sqlite: without rowid*/;

-- Commands that have been done, for as long as a repeat is answered.
create table commands (
    log_id     bytea  not null,
    key        bytea  not null,
    request    bytea  not null,
    seq        bigint not null,
    thing_kind text   not null,
    thing      bytea  not null,
    at         bigint not null,
    primary key (log_id, key)
) /*sqlite: without rowid*/;

create index commands_by_time on commands (at);

-- Wrapped data keys, one for each (subject, owner) and generation. Nobody's owner is sixteen zero bytes.
create table keys (
    log_id     bytea  not null,
    subject    bytea  not null,
    owner      bytea  not null,
    generation bigint not null,
    wrapped    bytea  not null,
    commitment bytea  not null,
    at         bigint not null,
    primary key (log_id, subject, owner, generation)
) /*sqlite: without rowid*/;

-- Signed checkpoints of the logs' trees.
create table checkpoints (
    log_id bytea  not null,
    seq    bigint not null,
    root   bytea  not null,
    note   text   not null,
    at     bigint not null,
    primary key (log_id, seq)
);

-- What is to be sent to the outside; ids only.
create table outbox (
    log_id   bytea  not null,
    id       bytea  not null,
    seq      bigint not null,
    kind     text   not null,
    due      bigint not null,
    attempts bigint not null,
    sent_at  bigint,
    primary key (log_id, id)
) /*sqlite: without rowid*/;

create index outbox_unsent on outbox (due) where sent_at is null;
create index outbox_sent on outbox (sent_at) where sent_at is not null;

-- How far a follower has read a log.
create table followers (
    log_id bytea  not null,
    name   text   not null,
    seq    bigint not null,
    primary key (log_id, name)
) /*sqlite: without rowid*/;

-- Logs in which a reactor has something to read.
create table work (
    log_id  bytea  not null,
    reactor text   not null,
    at      bigint not null,
    primary key (log_id, reactor)
) /*sqlite: without rowid*/;

create index work_by_time on work (at);

-- Values of this installation.
create table meta (
    key   text  not null primary key,
    value bytea not null
) /*sqlite: without rowid*/;

-- The tables of read models that exist, by their physical names.
create table projections (
    table_name text   not null primary key,
    created_at bigint not null
) /*sqlite: without rowid*/;
