-- Forms that can be assigned, assessments and their drafts. Fed by assessment.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {assessment_template} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    created_at bigint not null,
    primary key (log_id, id)
);
create index if not exists {assessment_template}_by_created_at on {assessment_template} (log_id, created_at, id);

create table if not exists {assessment} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    template bytea not null,
    status text not null,
    due bigint not null,
    at bigint not null,
    primary key (log_id, id)
);
create index if not exists {assessment}_by_at on {assessment} (log_id, at, id);
create index if not exists {assessment}_by_status_at on {assessment} (log_id, status, at, id);
create index if not exists {assessment}_by_subject_at on {assessment} (log_id, subject, at, id);

create table if not exists {assessment_draft} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    primary key (log_id, id)
);
