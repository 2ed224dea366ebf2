DROP TABLE reward_outbox;
DROP TABLE event_seen;
DROP FUNCTION make_event_seen_partition(date);
DROP FUNCTION drop_event_seen_partitions(date);
DROP TABLE completion;
DROP TABLE assignment;
DROP TABLE tally;
DROP TABLE player;
