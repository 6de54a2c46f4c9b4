-- When somebody last left an entry in an access log about a kind of somebody's texts. Fed by reading.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {reading} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);
