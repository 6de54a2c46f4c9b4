-- Whom a log has forgotten: events about this subject up to this position are skipped by every fold, and their texts
-- cannot be opened any more, for the keys are destroyed in the same transaction. The events that say so are in the log;
-- this is where they are found without reading it. See store::Forgotten.
create table forgotten (
    log_id  bytea  not null,
    subject bytea  not null,
    seq     bigint not null,
    at      bigint not null,
    primary key (log_id, subject)
) /*sqlite: without rowid*/;

-- A reactor looks for its own work only.
drop index work_by_time;
create index work_by_reactor on work (reactor, at);
