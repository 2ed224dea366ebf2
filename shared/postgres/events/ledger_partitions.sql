-- name: lock_partition_duty
-- Whether this transaction is the one that looks after the ledger's partitions now; the lock ends with it.
SELECT pg_try_advisory_xact_lock(1667785068, 1);

-- name: limit_lock_wait
-- Gives up rather than make writers queue behind a partition that waits for its lock.
SELECT set_config('lock_timeout', '500ms', true);

-- name: make_ledger_partitions
-- Makes the missing partitions of these days, and answers how many.
SELECT count(*)
FROM generate_series($1::integer, $2::integer) AS day
WHERE make_event_seen_partition(date 'epoch' + day);

-- name: drop_ledger_partitions
-- Drops the partitions of all days before this one, and answers how many.
SELECT drop_event_seen_partitions(date 'epoch' + $1::integer);

-- name: days_without_partition
-- How many days the default partition holds rows of.
SELECT count(DISTINCT event_day) FROM event_seen_default;
