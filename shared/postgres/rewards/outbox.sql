-- name: store_claim
-- Claims a completion that nobody has claimed, and stores the claim with its grant, due at once; answers where it counts,
-- exactly when this statement claimed it. The grant's id follows from the claim's number, so that is given, too: a
-- completion that was claimed more or less often before is left alone.
WITH claimed AS (
    UPDATE completion
    SET claim_time = instant($13), claim_number = $5
    WHERE user_id = $1
        AND goal_id = $2
        AND period_start = instant($3)
        AND occurrence = $4
        AND claim_time IS NULL
        AND claim_number = $5 - 1
    RETURNING user_id, goal_id, period_start, occurrence, claim_number, claim_time, challenge_id, tags
),
stored AS (
    INSERT INTO reward_outbox (
        user_id, goal_id, period_start, occurrence, claim_number,
        grant_id, request_id, state, provider, reward_type, reward_id, quantity, priority,
        attempts, lease_token, due_time, create_time
    )
    SELECT
        user_id, goal_id, period_start, occurrence, claim_number,
        $6, $7, 'PENDING', $8, $9, $10, $11, $12,
        0, 0, claim_time, claim_time
    FROM claimed
)
SELECT challenge_id, tags FROM claimed;

-- name: find_claim
-- The newest claim of a completion; no row if there never was one.
SELECT
    user_id, goal_id, period_start, occurrence, claim_number, request_id, grant_id, state,
    reward_type, reward_id, quantity, priority, attempts, refusal, create_time, settle_time
FROM reward_outbox
WHERE user_id = $1
    AND goal_id = $2
    AND period_start = instant($3)
    AND occurrence = $4
ORDER BY claim_number DESC
LIMIT 1;

-- name: find_claim_by_request
-- The claim that a player made under a request id.
SELECT
    user_id, goal_id, period_start, occurrence, claim_number, request_id, grant_id, state,
    reward_type, reward_id, quantity, priority, attempts, refusal, create_time, settle_time
FROM reward_outbox
WHERE user_id = $1 AND request_id = $2;

-- name: find_claim_by_grant
-- A player's claim by the id of its grant.
SELECT
    user_id, goal_id, period_start, occurrence, claim_number, request_id, grant_id, state,
    reward_type, reward_id, quantity, priority, attempts, refusal, create_time, settle_time
FROM reward_outbox
WHERE grant_id = $2 AND user_id = $1;

-- name: find_claims_of_goals
-- The newest claim of each of these goals of a player in one period, where there is one.
SELECT DISTINCT ON (goal_id)
    user_id, goal_id, period_start, occurrence, claim_number, request_id, grant_id, state,
    reward_type, reward_id, quantity, priority, attempts, refusal, create_time, settle_time
FROM reward_outbox
WHERE user_id = $1
    AND period_start = instant($2)
    AND goal_id = ANY ($3::text[])
ORDER BY goal_id, occurrence DESC, claim_number DESC;

-- name: list_claims
-- A page of a player's claims, backwards from the one after which the page before ended. Null for the states: any.
SELECT
    user_id, goal_id, period_start, occurrence, claim_number, request_id, grant_id, state,
    reward_type, reward_id, quantity, priority, attempts, refusal, create_time, settle_time
FROM reward_outbox
WHERE user_id = $1
    AND ($2::text[] IS NULL OR state = ANY ($2::text[]))
    AND (
        $3::uuid IS NULL
        OR (period_start, goal_id, occurrence, claim_number) < (
            SELECT last.period_start, last.goal_id, last.occurrence, last.claim_number
            FROM reward_outbox AS last
            WHERE last.grant_id = $3::uuid AND last.user_id = $1
        )
    )
ORDER BY period_start DESC, goal_id DESC, occurrence DESC, claim_number DESC
LIMIT $4::integer;
