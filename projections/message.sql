-- Conversations and their messages. Fed by message.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {conversation} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    last_at bigint not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
-- A coach's list, and a coachee's: the newest message first.
create index if not exists {conversation}_by_owner_last_at on {conversation} (log_id, owner, last_at, id);
create index if not exists {conversation}_by_subject_last_at on {conversation} (log_id, subject, last_at, id);

create table if not exists {message} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    conversation bytea not null,
    number bigint not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {message}_by_conversation_number on {message} (log_id, conversation, number, id);
