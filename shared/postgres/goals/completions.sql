-- name: insert_completions
-- Stores completions; answers those that this statement stored, so that each is named once across all handlers. Keys
-- must be sorted: the order is the order of the locks.
INSERT INTO completion (
    user_id, goal_id, period_start, occurrence, complete_time, challenge_id, tags, points, active_since
)
SELECT
    user_id, goal_id,
    instant(period_start),
    occurrence,
    instant(complete_time),
    challenge_id, tags::text[], points,
    instant(active_since)
FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::bigint[]
) AS fresh (
    user_id, goal_id, period_start, occurrence, complete_time, challenge_id, tags, points, active_since
)
ON CONFLICT (user_id, period_start, goal_id, occurrence) DO NOTHING
RETURNING user_id, goal_id, period_start, occurrence;

-- name: next_claim_number
-- Locks a completion that nobody has claimed; answers the number that its next claim has.
SELECT claim_number + 1
FROM completion
WHERE user_id = $1
    AND goal_id = $2
    AND period_start = instant($3)
    AND occurrence = $4
    AND claim_time IS NULL
FOR UPDATE;

-- name: lock_completion
-- Locks a completion before its grants, in the order of all transactions; answers its claim, and where it counts.
SELECT claim_time, challenge_id, tags
FROM completion
WHERE user_id = $1
    AND goal_id = $2
    AND period_start = instant($3)
    AND occurrence = $4
FOR UPDATE;

-- name: release_claim
-- Makes a completion claimable again, if this is the claim that holds it; answers a row exactly then.
UPDATE completion
SET claim_time = NULL
WHERE user_id = $1
    AND goal_id = $2
    AND period_start = instant($3)
    AND occurrence = $4
    AND claim_number = $5
    AND claim_time IS NOT NULL
RETURNING claim_number;
