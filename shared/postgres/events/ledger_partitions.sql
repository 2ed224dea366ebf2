-- name: lock_partition_duty
-- Try to become the one transaction that maintains the ledger's partitions. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 1);

-- name: limit_lock_wait
-- Give up after a short wait for a lock, so that writers never queue behind partition maintenance.
SELECT set_config('lock_timeout', '500ms', true);

-- name: make_ledger_partitions
-- Create the missing partitions of these days and return how many were created.
-- $1 first_day, $2 last_day
SELECT count(*)
FROM generate_series($1::integer, $2::integer) AS day
WHERE make_event_seen_partition(date 'epoch' + day);

-- name: drop_ledger_partitions
-- Drop the partitions of all days before this one and return how many were dropped.
-- $1 first_day_kept
SELECT drop_event_seen_partitions(date 'epoch' + $1::integer);

-- name: days_without_partition
-- Return the number of days of which the default partition holds rows.
SELECT count(DISTINCT event_day) FROM event_seen_default;
