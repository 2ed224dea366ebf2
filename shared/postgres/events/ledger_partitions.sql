-- name: lock_partition_duty
-- Try to become the one transaction that maintains the ledger's partitions. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 1);

-- name: limit_lock_wait
-- Give up after a short wait for a lock, so that writers never queue behind partition maintenance.
SELECT set_config('lock_timeout', '500ms', true);

-- name: make_ledger_partitions
-- Create the missing partitions of these days and return how many were created. Dropped days get none.
-- $1 first_day, $2 last_day
SELECT count(*)
FROM generate_series(
    greatest($1::integer, (SELECT first_day - date 'epoch' FROM event_ledger)), $2::integer
) AS day
WHERE make_event_seen_partition(date 'epoch' + day);

-- name: drop_oldest_ledger_day
-- Drop the oldest day if it lies before this one and is also due by the database's clock and by the horizons in force.
-- Return how many were dropped, 0 or 1.
-- $1 first_day_kept
SELECT drop_event_seen_partitions(date 'epoch' + $1::integer);

-- name: delete_strays
-- Delete rows of the default partition whose days the ledger no longer holds: they had no partition to be dropped with.
-- A limited number at a time.
DELETE FROM event_seen_default
WHERE (event_day, user_id, event_hash) IN (
    SELECT event_day, user_id, event_hash
    FROM event_seen_default
    WHERE event_day < (SELECT first_day FROM event_ledger)
    LIMIT 20000
);

-- name: days_without_partition
-- Return the number of days of which the default partition holds rows.
SELECT count(DISTINCT event_day) FROM event_seen_default;
