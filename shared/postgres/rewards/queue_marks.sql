-- name: last_queue_mark
-- The last place in front of a grant that the whole queue was counted for; nulls if there is none, no row if it does not wait.
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
-- How many grants stand before this one in the queue of its provider, counted up to a limit.
SELECT count(ahead.grant_id)
FROM reward_outbox AS asked
CROSS JOIN LATERAL (
    SELECT other.grant_id
    FROM reward_outbox AS other
    WHERE other.provider = asked.provider
        AND other.state = 'PENDING'
        AND (other.priority, other.due_time, other.grant_id) < (asked.priority, asked.due_time, asked.grant_id)
    -- The order changes no count; it is the index's, which is to be walked.
    ORDER BY other.priority, other.due_time, other.grant_id
    LIMIT $2::integer
) AS ahead
WHERE asked.grant_id = $1;

-- name: lock_queue_count
-- Whether this transaction is to count the queue: nobody else is at it, or has done it since a given time. The lock ends
-- with the transaction.
SELECT
    pg_try_advisory_xact_lock(1667785068, 2)
    AND NOT EXISTS (
        SELECT FROM reward_queue_mark WHERE count_time > instant($1)
    );

-- name: drop_queue_marks
-- Drops what was counted before.
DELETE FROM reward_queue_mark;

-- name: make_queue_marks
-- Counts the whole queue of each provider, and keeps every so many-th place of it, the first one always.
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
-- How long each provider's queue was when it was last counted, and since when its oldest grant is due.
SELECT provider, depth, oldest_due_time FROM reward_queue_mark WHERE place = 0;
