-- name: last_queue_mark
-- Return the last counted position at or before a grant; nulls if nothing was counted, no row if the grant does not
-- wait.
-- $1 grant_id
SELECT mark.place, mark.count_time
FROM reward_outbox AS asked
LEFT JOIN LATERAL (
    SELECT place, count_time
    FROM reward_queue_mark
    WHERE reward_queue_mark.provider = asked.provider
        AND (reward_queue_mark.priority, reward_queue_mark.due_time, reward_queue_mark.grant_id)
            <= (asked.priority, asked.due_time, asked.grant_id)
    ORDER BY reward_queue_mark.priority DESC, reward_queue_mark.due_time DESC, reward_queue_mark.grant_id DESC
    LIMIT 1
) AS mark ON true
WHERE asked.grant_id = $1 AND asked.state = 'PENDING';

-- name: count_queue_ahead
-- Return the number of grants ahead of this one in the queue of its provider, counted up to a limit.
-- $1 grant_id, $2 count_max
SELECT count(ahead.grant_id)
FROM reward_outbox AS asked
CROSS JOIN LATERAL (
    SELECT other.grant_id
    FROM reward_outbox AS other
    WHERE other.provider = asked.provider
        AND other.state = 'PENDING'
        AND (other.priority, other.due_time, other.grant_id) < (asked.priority, asked.due_time, asked.grant_id)
    -- The order does not change the count. It is that of the index, so that the index is walked.
    ORDER BY other.priority, other.due_time, other.grant_id
    LIMIT $2::integer
) AS ahead
WHERE asked.grant_id = $1;

-- name: lock_queue_count
-- Try to become the transaction that counts the queue: no other is counting, and none has counted since a given time.
-- The lock ends with the transaction.
-- $1 not_counted_since
SELECT
    pg_try_advisory_xact_lock(1667785068, 2)
    AND NOT EXISTS (
        SELECT FROM reward_queue_mark WHERE count_time > instant($1)
    );

-- name: drop_queue_marks
-- Delete the previous count.
DELETE FROM reward_queue_mark;

-- name: make_queue_marks
-- Count the queue of every provider and store every N-th position, always including the first.
-- $1 interval, $2 count_time
WITH totals AS (
    SELECT provider, count(*) AS depth, min(due_time) AS oldest_due_time
    FROM reward_outbox
    WHERE state = 'PENDING'
    GROUP BY provider
)
INSERT INTO reward_queue_mark (provider, place, priority, due_time, grant_id, count_time, depth, oldest_due_time)
SELECT
    provider, place, priority, due_time, grant_id,
    instant($2),
    totals.depth, totals.oldest_due_time
FROM (
    SELECT
        provider, priority, due_time, grant_id,
        row_number() OVER (PARTITION BY provider ORDER BY priority, due_time, grant_id) - 1 AS place
    FROM reward_outbox
    WHERE state = 'PENDING'
) AS counted
JOIN totals USING (provider)
WHERE place % $1::integer = 0;

-- name: queue_depths
-- Return the length of each provider's queue when it was last counted, and the due time of its oldest grant.
SELECT provider, depth, oldest_due_time FROM reward_queue_mark WHERE place = 0;
