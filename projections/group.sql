-- A coach's groups, and who belongs to them. Fed by group.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {group} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    created_at bigint not null,
    primary key (log_id, id)
);
-- Each is its coach's alone.
create index if not exists {group}_by_owner_created_at on {group} (log_id, owner, created_at, id);

create table if not exists {group_member} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    group_id bytea not null,
    added_at bigint not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
-- Members of a group in the order in which they were added; and the groups of a coachee.
create index if not exists {group_member}_by_group_id_added_at on {group_member} (log_id, group_id, added_at, id);
create index if not exists {group_member}_by_subject_added_at on {group_member} (log_id, subject, added_at, id);
