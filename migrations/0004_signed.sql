-- Each node looks for what others have signed of late.
create index checkpoints_by_time on checkpoints (at, log_id, seq);
