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

-- name: read_old_completions
-- Return completions in a range of players that may be carried forward if their grants are settled for good: of periods that begin
-- before an instant by goal, completed and claimed before another. They are not locked yet.
-- $1 after_user_id, $2 last_user_id, $3 goal_ids, $4 before_instants, $5 closed_before
SELECT
    user_id, completion.goal_id, period_start, occurrence, complete_time, claim_time, claim_number, claimed_rewards,
    challenge_id, tags, points,
    CASE WHEN complete_time >= active_since THEN microseconds(complete_time) - microseconds(active_since) END
FROM completion
JOIN unnest($3::text[], $4::bigint[]) AS past (goal_id, before) ON past.goal_id = completion.goal_id
WHERE user_id > $1
    AND user_id <= $2
    AND period_start <> timestamptz 'epoch'
    AND period_start < instant(before)
    AND challenge_id IS NOT NULL
    AND (complete_time IS NULL OR complete_time < instant($5))
    AND (claim_time IS NULL OR claim_time < instant($5))
ORDER BY user_id, goal_id, period_start, occurrence;

-- name: read_settled_claims
-- Return which of these completions have grants that are settled for good, or none, by their positions from 1, each with the number of
-- grants that were granted. Only settled grants are dropped with their quarters.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences, $5 complete_times, $6 claim_times, $7 claim_numbers,
-- $8 claimed_rewards
SELECT position, granted
FROM (
    SELECT
        old.*,
        coalesce(
            instant(coalesce(claim_time, complete_time, period_start)) < (SELECT dropped_until FROM grant_history), false
        ) AS dropped
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[], $5::bigint[], $6::bigint[], $7::integer[], $8::integer[])
        WITH ORDINALITY AS old (
            user_id, goal_id, period_start, occurrence, complete_time, claim_time, claim_number, claimed_rewards, position
        )
) AS old
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN claim_time IS NULL THEN 0 ELSE count(*) FILTER (
            WHERE (claim.claim_number = old.claim_number OR claimed_rewards IS NOT NULL) AND state = 'GRANTED'
        ) END AS granted,
        coalesce(bool_and(state IN ('GRANTED', 'REFUSED', 'REFUNDED')), dropped)
            AND (claim_time IS NULL OR bool_or(claim.claim_number = old.claim_number) IS TRUE OR dropped) AS settled
    FROM reward_claim AS claim
    WHERE old.claim_number > 0
        AND claim.user_id = old.user_id
        AND claim.period_start = instant(old.period_start)
        AND claim.goal_id = old.goal_id
        AND claim.occurrence = old.occurrence
) AS of_claims
WHERE old.claim_number = 0 OR settled
ORDER BY position;

-- name: lock_old_completions
-- Lock completions of a player that may be carried forward, unless they were claimed since, and return them.
-- $1 user_id, $2 goal_ids, $3 period_starts, $4 occurrences, $5 closed_before
SELECT
    user_id, completion.goal_id, period_start, completion.occurrence, complete_time, claim_time, claim_number,
    claimed_rewards, challenge_id, tags, points,
    CASE WHEN complete_time >= active_since THEN microseconds(complete_time) - microseconds(active_since) END
FROM completion
JOIN unnest($2::text[], $3::bigint[], $4::integer[]) AS old (goal_id, start, occurrence)
    ON completion.goal_id = old.goal_id
    AND completion.period_start = instant(old.start)
    AND completion.occurrence = old.occurrence
WHERE completion.user_id = $1
    AND challenge_id IS NOT NULL
    AND (complete_time IS NULL OR complete_time < instant($5))
    AND (claim_time IS NULL OR claim_time < instant($5))
ORDER BY completion.goal_id, completion.period_start, completion.occurrence
FOR UPDATE OF completion;

-- name: delete_completions
-- Delete locked completions, and return the keys of those that were there.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences
DELETE FROM completion
USING unnest($1::text[], $2::text[], $3::bigint[], $4::integer[]) AS locked (user_id, goal_id, start, occurrence)
WHERE completion.user_id = locked.user_id
    AND completion.period_start = instant(locked.start)
    AND completion.goal_id = locked.goal_id
    AND completion.occurrence = locked.occurrence
RETURNING completion.user_id, completion.goal_id, completion.period_start, completion.occurrence;

-- name: add_carried_completions
-- Add to what was carried forward before. Keys must be distinct and sorted: their order is the lock order.
-- $1 user_ids, $2 goal_ids, $3 challenge_ids, $4 tags, $5 completed, $6 claimed, $7 granted, $8 points, $9 points_times,
-- $10 fastest, $11 closed_before
INSERT INTO carried_completion AS stored (
    user_id, goal_id, challenge_id, tags, completed, claimed, granted, points, points_time, fastest, closed_before
)
SELECT
    user_id, goal_id, challenge_id, tags::text[], completed, claimed, granted, points, instant(points_time), fastest,
    instant($11)
FROM (
    SELECT
        unnest($1::text[]) AS user_id,
        unnest($2::text[]) AS goal_id,
        unnest($3::text[]) AS challenge_id,
        unnest($4::text[]) AS tags,
        unnest($5::bigint[]) AS completed,
        unnest($6::bigint[]) AS claimed,
        unnest($7::bigint[]) AS granted,
        unnest($8::bigint[]) AS points,
        unnest($9::bigint[]) AS points_time,
        unnest($10::bigint[]) AS fastest
) AS old
ON CONFLICT (user_id, goal_id, challenge_id, tags) DO UPDATE SET
    completed = stored.completed + excluded.completed,
    claimed = stored.claimed + excluded.claimed,
    granted = stored.granted + excluded.granted,
    points = least(stored.points::numeric + excluded.points, 4611686018427387904)::bigint,
    points_time = greatest(stored.points_time, excluded.points_time),
    fastest = least(stored.fastest, excluded.fastest),
    closed_before = greatest(stored.closed_before, excluded.closed_before);
