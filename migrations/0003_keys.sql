-- A data key says which root key wraps it (by its id, as `meta` has it of the one that wraps new keys, under 'root key
-- check'), and after which position of its log it came into use. Those of before are wrapped with the only root key that
-- there was.
alter table keys add column root bytea;
alter table keys add column since bigint not null default 0;
update keys set root = (select value from meta where key = 'root key check');
