-- name: lock_completion_retention
-- Try to become the one transaction that carries completions forward, or stay it. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 10);

-- name: first_open_period_of_points
-- Return the start of the oldest period of a leaderboard over points whose ranking is not final; null if there is none.
SELECT min(period_start)
FROM leaderboard_period
JOIN leaderboard USING (board_id)
WHERE measure = 'points' AND final_time IS NULL AND period_end IS NOT NULL;

-- name: end_of_completions
-- Return the last player of a range that begins after a player and spans about this many completions; no row if fewer
-- are left.
-- $1 after_user_id, $2 completions
SELECT user_id FROM completion WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;

-- name: lock_old_completions
-- Lock completions in a range of players that may be carried forward: of periods that begin before an instant by goal,
-- completed and claimed before another, and whose grants are settled for good.
-- $1 after_user_id, $2 last_user_id, $3 goal_ids, $4 before_instants, $5 closed_before, $6 count_max
SELECT completion.user_id, completion.goal_id, completion.period_start, completion.occurrence
FROM completion
JOIN unnest($3::text[], $4::bigint[]) AS past (goal_id, before) ON past.goal_id = completion.goal_id
CROSS JOIN LATERAL (
    -- Only settled grants are dropped with their quarters.
    SELECT coalesce(
        coalesce(claim_time, complete_time, completion.period_start) < (SELECT dropped_until FROM grant_history), false
    ) AS dropped
) AS of_history
WHERE completion.user_id > $1
    AND completion.user_id <= $2
    AND completion.period_start <> timestamptz 'epoch'
    AND completion.period_start < instant(before)
    AND completion.challenge_id IS NOT NULL
    AND (complete_time IS NULL OR complete_time < instant($5))
    AND (claim_time IS NULL OR claim_time < instant($5))
    AND CASE
        WHEN claim_number = 0 THEN true
        ELSE (
            SELECT
                coalesce(bool_and(state IN ('GRANTED', 'REFUSED', 'REFUNDED')), dropped)
                AND (claim_time IS NULL OR bool_or(outbox.claim_number = completion.claim_number) IS TRUE OR dropped)
            FROM reward_claim AS outbox
            WHERE outbox.user_id = completion.user_id
                AND outbox.period_start = completion.period_start
                AND outbox.goal_id = completion.goal_id
                AND outbox.occurrence = completion.occurrence
        )
    END
ORDER BY completion.user_id, completion.goal_id, completion.period_start, completion.occurrence
LIMIT $6::integer
FOR UPDATE OF completion;

-- name: carry_completions
-- Delete locked completions and add them to what was carried forward before; return their number. Their grants are
-- looked at again: an operator may have retried one before the completion was locked.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences, $5 closed_before
WITH old AS (
    DELETE FROM completion
    USING unnest($1::text[], $2::text[], $3::bigint[], $4::integer[]) AS locked (user_id, goal_id, start, occurrence)
    WHERE completion.user_id = locked.user_id
        AND completion.period_start = instant(locked.start)
        AND completion.goal_id = locked.goal_id
        AND completion.occurrence = locked.occurrence
        AND NOT EXISTS (
            SELECT FROM reward_outbox AS outbox
            WHERE outbox.user_id = completion.user_id
                AND outbox.period_start = completion.period_start
                AND outbox.goal_id = completion.goal_id
                AND outbox.occurrence = completion.occurrence
                AND outbox.state NOT IN ('GRANTED', 'REFUSED', 'REFUNDED')
        )
    RETURNING
        completion.user_id, completion.goal_id, challenge_id, tags, points, complete_time, claim_time,
        CASE WHEN complete_time >= active_since THEN microseconds(complete_time) - microseconds(active_since) END AS took,
        CASE WHEN claim_time IS NULL THEN 0 ELSE (
            SELECT count(*) FROM reward_claim AS outbox
            WHERE outbox.user_id = completion.user_id
                AND outbox.period_start = completion.period_start
                AND outbox.goal_id = completion.goal_id
                AND outbox.occurrence = completion.occurrence
                AND (outbox.claim_number = completion.claim_number OR completion.claimed_rewards IS NOT NULL)
                AND outbox.state = 'GRANTED'
        ) END AS granted
),
carried AS (
    INSERT INTO carried_completion AS stored (
        user_id, goal_id, challenge_id, tags,
        completed, claimed, granted, points, points_time, fastest, closed_before
    )
    SELECT
        user_id, goal_id, challenge_id, tags,
        count(*), count(claim_time), sum(granted),
        least(sum(points), 4611686018427387904)::bigint, max(complete_time), min(took), instant($5)
    FROM old
    GROUP BY user_id, goal_id, challenge_id, tags
    ORDER BY user_id, goal_id, challenge_id, tags
    ON CONFLICT (user_id, goal_id, challenge_id, tags) DO UPDATE SET
        completed = stored.completed + excluded.completed,
        claimed = stored.claimed + excluded.claimed,
        granted = stored.granted + excluded.granted,
        points = least(stored.points::numeric + excluded.points, 4611686018427387904)::bigint,
        points_time = greatest(stored.points_time, excluded.points_time),
        fastest = least(stored.fastest, excluded.fastest),
        closed_before = greatest(stored.closed_before, excluded.closed_before)
)
SELECT count(*) FROM old;
