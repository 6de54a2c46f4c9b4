-- Files without their bytes. Fed by file.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {file} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    uploaded_at bigint not null,
    side text not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
-- Somebody's list, those about a coachee, somebody's own, those that are shared: the newest first.
create index if not exists {file}_by_uploaded_at on {file} (log_id, uploaded_at, id);
create index if not exists {file}_by_subject_uploaded_at on {file} (log_id, subject, uploaded_at, id);
create index if not exists {file}_by_owner_uploaded_at on {file} (log_id, owner, uploaded_at, id);
create index if not exists {file}_by_shared_uploaded_at on {file} (log_id, shared, uploaded_at, id);
