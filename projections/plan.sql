-- Goals, milestones and actions. Fed by plan.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {goal} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    due bigint not null,
    complete boolean not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {goal}_by_subject_due on {goal} (log_id, subject, due, id);

create table if not exists {milestone} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    goal bytea not null,
    due bigint not null,
    complete boolean not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {milestone}_by_goal_due on {milestone} (log_id, goal, due, id);

create table if not exists {action} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    goal bytea,
    milestone bytea,
    due bigint not null,
    complete boolean not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {action}_by_subject_due on {action} (log_id, subject, due, id);
create index if not exists {action}_by_milestone_due on {action} (log_id, milestone, due, id);
create index if not exists {action}_by_goal_due on {action} (log_id, goal, due, id);
