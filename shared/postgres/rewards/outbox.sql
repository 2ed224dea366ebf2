-- name: store_claims
-- Claim unclaimed completions and store the claims with their grants, due at once; return where each counts, exactly for
-- those that this statement claimed. A grant id is derived from the claim number, so the number is a parameter: a
-- completion that was claimed more or fewer times before is left alone. Keys must be sorted: their order is the lock order.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences, $5 claim_numbers, $6 grant_ids, $7 request_ids,
-- $8 providers, $9 reward_types, $10 reward_ids, $11 quantities, $12 priorities, $13 claim_time
WITH claimed AS (
    UPDATE completion
    SET claim_time = instant($13), claim_number = claim.claim_number
    FROM (
        SELECT
            unnest($1::text[]) AS user_id,
            unnest($2::text[]) AS goal_id,
            unnest($3::bigint[]) AS period_start,
            unnest($4::integer[]) AS occurrence,
            unnest($5::integer[]) AS claim_number,
            unnest($6::uuid[]) AS grant_id,
            unnest($7::text[]) AS request_id,
            unnest($8::text[]) AS provider,
            unnest($9::text[]) AS reward_type,
            unnest($10::text[]) AS reward_id,
            unnest($11::bigint[]) AS quantity,
            unnest($12::integer[]) AS priority
    ) AS claim
    WHERE completion.user_id = claim.user_id
        AND completion.goal_id = claim.goal_id
        AND completion.period_start = instant(claim.period_start)
        AND completion.occurrence = claim.occurrence
        AND completion.claim_time IS NULL
        AND completion.claim_number = claim.claim_number - 1
    RETURNING
        completion.user_id, completion.goal_id, completion.period_start, completion.occurrence, completion.claim_number,
        completion.claim_time, completion.challenge_id, completion.tags,
        claim.grant_id, claim.request_id, claim.provider, claim.reward_type, claim.reward_id, claim.quantity,
        claim.priority
),
stored AS (
    INSERT INTO reward_outbox (
        user_id, goal_id, period_start, occurrence, claim_number,
        grant_id, request_id, state, provider, reward_type, reward_id, quantity, priority,
        attempts, lease_token, due_time, create_time
    )
    SELECT
        user_id, goal_id, period_start, occurrence, claim_number,
        grant_id, request_id, 'PENDING', provider, reward_type, reward_id, quantity, priority,
        0, 0, claim_time, claim_time
    FROM claimed
)
SELECT user_id, goal_id, period_start, occurrence, challenge_id, tags FROM claimed;

-- name: store_claim
-- Do what store_claims does for one completion, which is locked and unclaimed: in two thirds of the time.
-- $1 user_id, $2 goal_id, $3 period_start, $4 occurrence, $5 claim_number, $6 grant_id, $7 request_id, $8 provider,
-- $9 reward_type, $10 reward_id, $11 quantity, $12 priority, $13 claim_time
WITH claimed AS (
    UPDATE completion
    SET claim_time = instant($13), claim_number = $5::integer
    WHERE user_id = $1
        AND goal_id = $2
        AND period_start = instant($3)
        AND occurrence = $4
        AND claim_time IS NULL
        AND claim_number = $5::integer - 1
    RETURNING user_id, goal_id, period_start, occurrence, claim_number, claim_time
),
stored AS (
    INSERT INTO reward_outbox (
        user_id, goal_id, period_start, occurrence, claim_number,
        grant_id, request_id, state, provider, reward_type, reward_id, quantity, priority,
        attempts, lease_token, due_time, create_time
    )
    SELECT
        user_id, goal_id, period_start, occurrence, claim_number,
        $6::uuid, $7::text, 'PENDING', $8::text, $9::text, $10::text, $11::bigint, $12::integer,
        0, 0, claim_time, claim_time
    FROM claimed
)
SELECT true FROM claimed;

-- name: store_rewards
-- Claim rewards of locked completions, of which some may be claimed, and store them with their grants, due at once.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences, $5 claim_numbers, $6 grant_ids, $7 request_ids,
-- $8 providers, $9 reward_types, $10 reward_ids, $11 quantities, $12 priorities, $13 claim_time, $14 reward_numbers
WITH granted AS (
    SELECT *
    FROM (
        SELECT
            unnest($1::text[]) AS user_id,
            unnest($2::text[]) AS goal_id,
            unnest($3::bigint[]) AS start,
            unnest($4::integer[]) AS occurrence,
            unnest($5::integer[]) AS claim_number,
            unnest($6::uuid[]) AS grant_id,
            unnest($7::text[]) AS request_id,
            unnest($8::text[]) AS provider,
            unnest($9::text[]) AS reward_type,
            unnest($10::text[]) AS reward_id,
            unnest($11::bigint[]) AS quantity,
            unnest($12::integer[]) AS priority,
            unnest($14::integer[]) AS reward_number
    ) AS reward
),
claimed AS (
    UPDATE completion
    SET
        claim_time = coalesce(completion.claim_time, instant($13)),
        claim_number = claim.claim_number,
        claimed_rewards = bits | CASE
            WHEN claimed_rewards IS NOT NULL THEN claimed_rewards
            WHEN completion.claim_time IS NOT NULL THEN 1
            ELSE 0
        END
    FROM (
        SELECT user_id, goal_id, start, occurrence, claim_number, bit_or(1 << (reward_number - 1)) AS bits
        FROM granted
        GROUP BY user_id, goal_id, start, occurrence, claim_number
    ) AS claim
    WHERE completion.user_id = claim.user_id
        AND completion.goal_id = claim.goal_id
        AND completion.period_start = instant(claim.start)
        AND completion.occurrence = claim.occurrence
)
INSERT INTO reward_outbox (
    user_id, goal_id, period_start, occurrence, claim_number, reward_number,
    grant_id, request_id, state, provider, reward_type, reward_id, quantity, priority,
    attempts, lease_token, due_time, create_time
)
SELECT
    user_id, goal_id, instant(start), occurrence, claim_number, reward_number,
    grant_id, request_id, 'PENDING', provider, reward_type, reward_id, quantity, priority,
    0, 0, instant($13), instant($13)
FROM granted;

-- name: find_claim
-- Return the newest claim of a completion, without further rewards; no row if it was never claimed.
-- $1 user_id, $2 goal_id, $3 period_start, $4 occurrence
SELECT
    user_id, goal_id, period_start, occurrence, claim_number, request_id, grant_id, state,
    reward_type, reward_id, quantity, priority, attempts, refusal, create_time, settle_time, reward_number
FROM reward_claim
WHERE user_id = $1
    AND goal_id = $2
    AND period_start = instant($3)
    AND occurrence = $4
ORDER BY claim_number DESC, reward_number
LIMIT 1;

-- name: find_claim_by_request
-- Return the claims that a player made under a request id: one for each reward. The first of them has the id.
-- $1 user_id, $2 request_id
SELECT
    user_id, goal_id, period_start, occurrence, claim_number,
    together.request_id, together.grant_id, together.state, together.reward_type, together.reward_id, together.quantity, together.priority,
    together.attempts, together.refusal, together.create_time, together.settle_time, together.reward_number
FROM (
    SELECT user_id, period_start, goal_id, occurrence, claim_number, create_time
    FROM reward_outbox
    WHERE user_id = $1 AND request_id = $2
    UNION ALL
    SELECT user_id, period_start, goal_id, occurrence, claim_number, create_time
    FROM settled_grant
    WHERE char_length(user_id)::text || '/' || user_id || request_id = char_length($1)::text || '/' || $1 || $2
    -- An id that was used again after it was forgotten is the newer claim's.
    ORDER BY create_time DESC
    LIMIT 1
) AS named
JOIN reward_claim AS together USING (user_id, period_start, goal_id, occurrence, claim_number)
ORDER BY together.reward_number;

-- name: find_claim_by_grant
-- Return a player's claim by the id of its grant, and then those of other rewards that the same call made.
-- $1 user_id, $2 grant_id
SELECT
    user_id, goal_id, period_start, occurrence, claim_number,
    together.request_id, together.grant_id, together.state, together.reward_type, together.reward_id, together.quantity, together.priority,
    together.attempts, together.refusal, together.create_time, together.settle_time, together.reward_number
FROM reward_claim AS named
JOIN reward_claim AS together USING (user_id, period_start, goal_id, occurrence, claim_number)
WHERE named.grant_id = $2 AND named.user_id = $1
ORDER BY together.grant_id <> named.grant_id, together.reward_number;

-- name: find_newest_claims
-- Return the newest claim of a player for each reward of these goals, periods and occurrences, each by its primary key.
-- $1 user_id, $2 period_starts, $3 goal_ids, $4 occurrences
SELECT
    newest.user_id, newest.goal_id, newest.period_start, newest.occurrence, newest.claim_number, newest.request_id,
    newest.grant_id, newest.state, newest.reward_type, newest.reward_id, newest.quantity, newest.priority,
    newest.attempts, newest.refusal, newest.create_time, newest.settle_time, newest.reward_number
FROM unnest($2::bigint[], $3::text[], $4::integer[]) AS wanted (period_start, goal_id, occurrence)
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (reward_number) *
    FROM reward_claim
    WHERE user_id = $1
        AND period_start = instant(wanted.period_start)
        AND goal_id = wanted.goal_id
        AND occurrence = wanted.occurrence
    ORDER BY reward_number, claim_number DESC
) AS newest;

-- name: list_claims
-- Return a page of a player's claims, newest period first, after the last claim of the previous page. Null states match
-- all.
-- $1 user_id, $2 states, $3 after_grant_id, $4 count_max
SELECT
    user_id, goal_id, period_start, occurrence, claim_number, request_id, grant_id, state,
    reward_type, reward_id, quantity, priority, attempts, refusal, create_time, settle_time, reward_number
FROM reward_claim
WHERE user_id = $1
    AND ($2::text[] IS NULL OR state = ANY ($2::text[]))
    AND (
        $3::uuid IS NULL
        OR (period_start, goal_id, occurrence, claim_number, reward_number) < (
            SELECT last.period_start, last.goal_id, last.occurrence, last.claim_number, last.reward_number
            FROM reward_claim AS last
            WHERE last.grant_id = $3::uuid AND last.user_id = $1
        )
    )
ORDER BY period_start DESC, goal_id DESC, occurrence DESC, claim_number DESC, reward_number DESC
LIMIT $4::integer;
