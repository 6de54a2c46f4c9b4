-- Appointments and the addresses of people's calendars. Fed by appointment.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

-- An appointment is one row, however often it repeats: `first_start` and `last_end` are when it goes at most, and a range
-- of time finds it by when it ends. What has ended is never looked at again.
create table if not exists {appointment} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    coach bytea not null,
    first_start bigint not null,
    last_end bigint not null,
    cancelled boolean not null,
    primary key (log_id, id)
) /*sqlite: without rowid*/;
create index if not exists {appointment}_by_last_end on {appointment} (log_id, last_end, id);
create index if not exists {appointment}_by_subject_last_end on {appointment} (log_id, subject, last_end, id);
create index if not exists {appointment}_by_coach_last_end on {appointment} (log_id, coach, last_end, id);

create table if not exists {calendar_feed} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);
