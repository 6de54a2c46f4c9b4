-- Goals, milestones, actions, what makes them again and again, and comments. Fed by plan.*.
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
    maker text not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {goal}_by_subject_due on {goal} (log_id, subject, due, id);
create index if not exists {goal}_by_due on {goal} (log_id, due, id);

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
    lone bytea,
    milestone bytea,
    series bytea,
    due bigint not null,
    complete boolean not null,
    maker text not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {action}_by_subject_due on {action} (log_id, subject, due, id);
create index if not exists {action}_by_due on {action} (log_id, due, id);
create index if not exists {action}_by_milestone_due on {action} (log_id, milestone, due, id);
-- Actions of a goal without a milestone; what is overdue in a practice, and whose, which the
-- index alone answers; what a series made. Most actions are none of these.
create index if not exists {action}_by_lone_due on {action} (log_id, lone, due, id) where lone is not null;
create index if not exists {action}_by_open_due on {action} (log_id, complete, due, id, subject, owner, shared);
create index if not exists {action}_by_series_due on {action} (log_id, series, due, id) where series is not null;

create table if not exists {action_series} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    created_at bigint not null,
    due bigint,
    primary key (log_id, id)
);
create index if not exists {action_series}_by_subject on {action_series} (log_id, subject, created_at, id);
create index if not exists {action_series}_by_due on {action_series} (due) where due is not null;

create table if not exists {comment} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    action bytea not null,
    said_at bigint not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {comment}_by_action_said_at on {comment} (log_id, action, said_at, id);

create table if not exists {action_thread} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);
