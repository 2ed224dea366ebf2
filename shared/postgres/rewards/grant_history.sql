-- name: lock_grant_moves
-- Try to become the one transaction that moves settled grants, or stay it. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 9);

-- name: last_instant_to_move
-- Return the instant before which a grant was settled to be moved, by the clock that is behind; no row as long as processes of
-- the release before may run, which look for grants in the outbox alone.
-- $1 now, $2 kept_us
SELECT before
FROM grant_history
CROSS JOIN LATERAL (
    SELECT least(instant($1), database_time()) - $2::bigint * interval '1 microsecond' AS before
) AS settled
WHERE begin_time < before;

-- name: quarters_without_partition
-- Return an instant of each quarter to which the next grants move and which has no partition.
-- $1 before, $2 count_max
SELECT first_day AT TIME ZONE 'UTC'
FROM (
    SELECT DISTINCT date_trunc('quarter', settle_time AT TIME ZONE 'UTC') AS first_day
    FROM (
        SELECT settle_time
        FROM reward_outbox
        WHERE state IN ('GRANTED', 'REFUSED', 'REFUNDED') AND settle_time < instant($1)
        ORDER BY settle_time
        LIMIT $2::integer
    ) AS due
) AS quarter
WHERE first_day >= timestamp '2020-01-01'
    AND NOT EXISTS (
        SELECT FROM pg_inherits
        WHERE inhparent = 'settled_grant'::regclass
            AND inhrelid = to_regclass('settled_grant_' || to_char(first_day, 'YYYY"q"Q'))
    );

-- name: make_settled_grant_partition
-- Make the partition of the quarter in which an instant is.
-- $1 settle_time
SELECT make_settled_grant_partition(instant($1));

-- name: move_settled_grants
-- Move grants that were settled before an instant out of the outbox, the oldest first, and return their number. What
-- somebody else has locked stays for later: nothing is waited for.
-- $1 before, $2 count_max
WITH due AS (
    SELECT ctid AS place
    FROM reward_outbox
    WHERE state IN ('GRANTED', 'REFUSED', 'REFUNDED') AND settle_time < instant($1)
    ORDER BY settle_time
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
),
taken AS (
    DELETE FROM reward_outbox
    WHERE ctid = ANY (ARRAY (SELECT place FROM due))
    RETURNING *
),
stored AS (
    INSERT INTO settled_grant (
        grant_id, period_start, create_time, settle_time, quantity, occurrence, claim_number, reward_number, attempts,
        lease_token, priority, user_id, goal_id, state, provider, reward_type, reward_id, request_id, refusal, last_error
    )
    SELECT
        grant_id, period_start, create_time, settle_time, quantity, occurrence, claim_number, reward_number, attempts,
        -- Only imports have others, and nothing is delivered under those.
        greatest(-2147483648, least(lease_token, 2147483647)), priority, user_id, goal_id, state, provider, reward_type,
        reward_id, request_id, refusal, last_error
    FROM taken
)
SELECT count(*) FROM taken;

-- name: grants_left_to_move
-- Return how many grants were settled before an instant, counted up to a limit, and when the first of them was.
-- $1 before, $2 count_max
SELECT count(*), min(settle_time)
FROM (
    SELECT settle_time
    FROM reward_outbox
    WHERE state IN ('GRANTED', 'REFUSED', 'REFUNDED') AND settle_time < instant($1)
    ORDER BY settle_time
    LIMIT $2::integer
) AS due;

-- name: limit_drop_wait
-- Give up after a short wait for a lock, so that claims never queue behind the end of a quarter.
SELECT set_config('lock_timeout', '500ms', true);

-- name: drop_settled_grants
-- Drop the quarters of the history that ended before an instant, by the clock that is behind, and return their number.
-- $1 now, $2 kept_us
SELECT drop_settled_grant_partitions(least(instant($1), database_time()) - $2::bigint * interval '1 microsecond');
