-- name: insert_completions
-- Store completions and return those that this statement stored, so that each is reported once across all handlers.
-- Whoever packs a completion has locked the player's tallies, as whoever stores one again has in an earlier statement.
-- Keys must be sorted: their order is the lock order.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences, $5 complete_times, $6 challenge_ids, $7 tags, $8 points,
-- $9 active_sinces
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
FROM (
    SELECT
        unnest($1::text[]) AS user_id,
        unnest($2::text[]) AS goal_id,
        unnest($3::bigint[]) AS period_start,
        unnest($4::integer[]) AS occurrence,
        unnest($5::bigint[]) AS complete_time,
        unnest($6::text[]) AS challenge_id,
        unnest($7::text[]) AS tags,
        unnest($8::bigint[]) AS points,
        unnest($9::bigint[]) AS active_since
) AS fresh
WHERE (user_id, goal_id, period_start, occurrence) NOT IN (
    -- Arrays are unpacked only where one names the goal: of most players who complete a goal, none does.
    SELECT wanted.user_id, wanted.goal_id, packed.start, coalesce(packed.number, 1)
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS wanted (user_id, goal_id, start)
    JOIN (SELECT * FROM settled_completion WHERE user_id = ANY ($1::text[])) AS settled
        ON settled.user_id = wanted.user_id
        AND settled.to_start >= instant(wanted.start)
        AND settled.from_start <= instant(wanted.start)
        AND wanted.goal_id = ANY (settled.goal_ids)
    CROSS JOIN LATERAL unnest(goal_ids, period_starts, occurrences) AS packed (goal_id, start, number)
    WHERE packed.goal_id = wanted.goal_id AND packed.start = wanted.start
)
ON CONFLICT (user_id, period_start, goal_id, occurrence) DO NOTHING
RETURNING user_id, goal_id, period_start, occurrence;

-- name: insert_completion
-- Do what insert_completions does for one completion on one server, and return a row if it was stored: in half of the time.
-- $1 user_id, $2 goal_id, $3 period_start, $4 occurrence, $5 complete_time, $6 challenge_id, $7 tags, $8 points,
-- $9 active_since
INSERT INTO completion (
    user_id, goal_id, period_start, occurrence, complete_time, challenge_id, tags, points, active_since
)
SELECT
    $1, $2, instant($3), $4::integer, instant($5::bigint), $6::text, $7::text[], $8::bigint, instant($9::bigint)
WHERE NOT EXISTS (
    SELECT
    FROM settled_completion
    WHERE user_id = $1
        AND to_start >= instant($3)
        AND from_start <= instant($3)
        AND $2 = ANY (goal_ids)
        AND EXISTS (
            SELECT
            FROM unnest(goal_ids, period_starts, occurrences) AS packed (goal_id, start, number)
            WHERE packed.goal_id = $2 AND packed.start = $3 AND coalesce(packed.number, 1) = $4
        )
)
ON CONFLICT (user_id, period_start, goal_id, occurrence) DO NOTHING
RETURNING true;

-- name: take_reopened_completions
-- Delete those of these completions that operators had taken back, and return them with the claims that stand, as the
-- trigger of the table completion does where that is on one node.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences
DELETE FROM reopened_completion AS reopened
USING unnest($1::text[], $2::text[], $3::bigint[], $4::integer[]) AS stored (user_id, goal_id, start, occurrence)
WHERE reopened.user_id = stored.user_id
    AND reopened.goal_id = stored.goal_id
    AND reopened.period_start = instant(stored.start)
    AND reopened.occurrence = stored.occurrence
RETURNING
    reopened.user_id, reopened.goal_id, microseconds(reopened.period_start), reopened.occurrence,
    microseconds(reopened.claim_time), reopened.claim_number, reopened.claimed_rewards;

-- name: return_claims
-- Let stored completions that were claimed fewer times have the claims that stood while they were taken back.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences, $5 claim_times, $6 claim_numbers, $7 claimed_rewards,
-- $8 1: also completions that were claimed as many times, 0: not
UPDATE completion
SET
    claim_time = instant(again.claim_time),
    claim_number = again.claim_number,
    claimed_rewards = again.claimed_rewards
FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::integer[], $5::bigint[], $6::integer[], $7::integer[]
) AS again (user_id, goal_id, start, occurrence, claim_time, claim_number, claimed_rewards)
WHERE completion.user_id = again.user_id
    AND completion.goal_id = again.goal_id
    AND completion.period_start = instant(again.start)
    AND completion.occurrence = again.occurrence
    AND completion.claim_number < again.claim_number + $8::integer;

-- name: lock_unclaimed
-- Lock a completion that has an unclaimed reward; return the number of its next claim, where it counts, and what is
-- claimed. Of a goal with several rewards it has one as far as this statement can tell.
-- $1 user_id, $2 goal_id, $3 period_start, $4 occurrence, $5 true for a goal with several rewards
SELECT claim_number + 1, challenge_id, tags, claim_time, claimed_rewards
FROM completion
WHERE user_id = $1
    AND goal_id = $2
    AND period_start = instant($3)
    AND occurrence = $4
    AND (claim_time IS NULL OR claimed_rewards IS NOT NULL OR $5::boolean)
FOR UPDATE;

-- name: lock_completion
-- Lock a completion before its grants, as the lock order demands; return its claim time and where it counts.
-- $1 user_id, $2 goal_id, $3 period_start, $4 occurrence
SELECT claim_time, challenge_id, tags
FROM completion
WHERE user_id = $1
    AND goal_id = $2
    AND period_start = instant($3)
    AND occurrence = $4
FOR UPDATE;

-- name: release_claim
-- Make a reward of a completion claimable again if this claim holds it; return a row exactly then, with the claim time
-- that is left. Of several rewards the newest claim of each holds it.
-- $1 user_id, $2 goal_id, $3 period_start, $4 occurrence, $5 claim_number, $6 reward_number
UPDATE completion
SET
    claim_time = CASE WHEN claimed_rewards & ~(1 << ($6::integer - 1)) <> 0 THEN claim_time END,
    claimed_rewards = nullif(claimed_rewards & ~(1 << ($6::integer - 1)), 0)
WHERE user_id = $1
    AND goal_id = $2
    AND period_start = instant($3)
    AND occurrence = $4
    AND claim_time IS NOT NULL
    AND CASE
        WHEN claimed_rewards IS NULL THEN claim_number = $5 AND $6::integer = 1
        ELSE claimed_rewards & (1 << ($6::integer - 1)) <> 0
            AND NOT EXISTS (
                SELECT 1 FROM reward_claim AS newer
                WHERE newer.user_id = $1
                    AND newer.goal_id = $2
                    AND newer.period_start = instant($3)
                    AND newer.occurrence = $4
                    AND newer.claim_number > $5
                    AND newer.reward_number = $6
            )
    END
RETURNING microseconds(claim_time);

-- name: lock_reopened_completion
-- As lock_completion, of a completion that operators have taken back, whose claim stands.
-- $1 user_id, $2 goal_id, $3 period_start, $4 occurrence
SELECT claim_time, challenge_id, tags
FROM reopened_completion
WHERE user_id = $1
    AND goal_id = $2
    AND period_start = instant($3)
    AND occurrence = $4
FOR UPDATE;

-- name: release_reopened_claim
-- As release_claim, of a completion that operators have taken back: once the goal is completed again, it is claimable.
-- $1 user_id, $2 goal_id, $3 period_start, $4 occurrence, $5 claim_number, $6 reward_number
UPDATE reopened_completion
SET
    claim_time = CASE WHEN claimed_rewards & ~(1 << ($6::integer - 1)) <> 0 THEN claim_time END,
    claimed_rewards = nullif(claimed_rewards & ~(1 << ($6::integer - 1)), 0)
WHERE user_id = $1
    AND goal_id = $2
    AND period_start = instant($3)
    AND occurrence = $4
    AND claim_time IS NOT NULL
    AND CASE
        WHEN claimed_rewards IS NULL THEN claim_number = $5 AND $6::integer = 1
        ELSE claimed_rewards & (1 << ($6::integer - 1)) <> 0
            AND NOT EXISTS (
                SELECT 1 FROM reward_claim AS newer
                WHERE newer.user_id = $1
                    AND newer.goal_id = $2
                    AND newer.period_start = instant($3)
                    AND newer.occurrence = $4
                    AND newer.claim_number > $5
                    AND newer.reward_number = $6
            )
    END
RETURNING microseconds(claim_time);

-- name: read_completions_of_goals
-- Return a player's completions of these goals in these periods, by prefixes of primary keys. What is packed is unpacked once,
-- however many of the periods are in one row.
-- $1 user_id, $2 period_starts, $3 goal_ids
SELECT completion.*
FROM unnest($2::bigint[]) AS wanted (start)
CROSS JOIN LATERAL (
    SELECT period_start, goal_id, occurrence, complete_time, claim_time, claimed_rewards
    FROM completion
    WHERE user_id = $1 AND period_start = instant(start) AND goal_id = ANY ($3::text[])
    OFFSET 0
) AS completion
UNION ALL
SELECT instant(period_start), goal_id, coalesce(occurrence, 1), instant(complete_time), instant(claim_time), claimed_rewards
FROM (
    SELECT
        unnest(goal_ids) AS goal_id, unnest(period_starts) AS period_start, unnest(occurrences) AS occurrence,
        unnest(complete_times) AS complete_time, unnest(claim_times) AS claim_time, unnest(claimed_rewards) AS claimed_rewards
    FROM settled_completion
    WHERE user_id = $1
        AND goal_ids && $3::text[]
        AND EXISTS (
            SELECT FROM unnest($2::bigint[]) AS wanted (start)
            WHERE instant(start) >= from_start AND instant(start) <= to_start
        )
) AS packed
WHERE period_start = ANY ($2::bigint[]) AND goal_id = ANY ($3::text[]);

-- name: read_new_completions
-- Return a player's completions of a goal in a period that are not packed, as none is that the transaction has stored.
-- $1 user_id, $2 period_start, $3 goal_id
SELECT occurrence, complete_time, claim_time, claimed_rewards
FROM completion
WHERE user_id = $1 AND period_start = instant($2) AND goal_id = $3;

-- name: read_completions_of_periods
-- Return all completions of a player in these periods, each column an array; arrays are null where there are no rows,
-- and that of claimed rewards if no completion has several.
-- OFFSET keeps the planner from reading all of a player's completions and joining them.
-- $1 user_id, $2 period_starts
SELECT
    array_agg(period_start), array_agg(goal_id), array_agg(occurrence), array_agg(complete_time), array_agg(claim_time),
    CASE WHEN max(claimed_rewards) IS NOT NULL THEN array_agg(claimed_rewards) END
FROM (
    SELECT completion.*
    FROM unnest($2::bigint[]) AS wanted (start)
    CROSS JOIN LATERAL (
        SELECT
            microseconds(period_start) AS period_start, goal_id, occurrence, microseconds(complete_time) AS complete_time,
            microseconds(claim_time) AS claim_time, claimed_rewards
        FROM completion
        WHERE user_id = $1 AND period_start = instant(start)
        OFFSET 0
    ) AS completion
    UNION ALL
    SELECT period_start, goal_id, coalesce(occurrence, 1), complete_time, claim_time, claimed_rewards
    FROM (
        SELECT
            unnest(goal_ids) AS goal_id, unnest(period_starts) AS period_start, unnest(occurrences) AS occurrence,
            unnest(complete_times) AS complete_time, unnest(claim_times) AS claim_time,
            unnest(claimed_rewards) AS claimed_rewards
        FROM settled_completion
        WHERE user_id = $1
            AND EXISTS (
                SELECT FROM unnest($2::bigint[]) AS wanted (start)
                WHERE instant(start) >= from_start AND instant(start) <= to_start
            )
    ) AS packed
    WHERE period_start = ANY ($2::bigint[])
) AS completion;
