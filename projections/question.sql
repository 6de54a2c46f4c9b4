-- Coaching questions, their answers and what is said about them. Fed by question.*.
-- A table's own columns are copies for `where` and `order by`; the row itself is its document.
-- {name} stands for the table's physical name, which carries this projection's fingerprint.

create table if not exists {question} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    asked_at bigint not null,
    answered boolean not null,
    primary key (log_id, id)
);
create index if not exists {question}_by_asked_at on {question} (log_id, asked_at, id);
create index if not exists {question}_by_subject_asked_at on {question} (log_id, subject, asked_at, id);

create table if not exists {question_comment} (
    log_id   bytea   not null,
    id       bytea   not null,
    subject  bytea   not null,
    owner    bytea,
    shared   boolean not null,
    document bytea   not null,
    question bytea not null,
    at bigint not null,
    primary key (log_id, id)
);
create index if not exists {question_comment}_by_question_at on {question_comment} (log_id, question, at, id);
