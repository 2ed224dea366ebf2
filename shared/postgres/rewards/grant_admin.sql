-- name: list_grants
-- Grants for operators, the oldest claims first. Null for a condition: any.
SELECT
    grant_id, user_id, goal_id, period_start, occurrence, claim_number,
    reward_type, reward_id, quantity, create_time,
    state, provider, priority, attempts, due_time, refusal, settle_time, lease_token > 0,
    request_id, last_error, lease_owner, lease_until
FROM reward_outbox
WHERE ($1::text[] IS NULL OR state = ANY ($1::text[]))
    AND ($2::text IS NULL OR provider = $2)
    AND ($3::text IS NULL OR user_id = $3)
ORDER BY create_time, grant_id
LIMIT $4::integer;

-- name: find_grant
-- One grant for operators.
SELECT
    grant_id, user_id, goal_id, period_start, occurrence, claim_number,
    reward_type, reward_id, quantity, create_time,
    state, provider, priority, attempts, due_time, refusal, settle_time, lease_token > 0,
    request_id, last_error, lease_owner, lease_until
FROM reward_outbox
WHERE grant_id = $1;

-- name: lock_grant
-- Locks a grant, so that no dispatcher takes it while an operator looks at it.
SELECT grant_id FROM reward_outbox WHERE grant_id = $1 FOR UPDATE;

-- name: change_grant
-- Stores what an operator makes of a grant. Its lease token stays: it never falls.
UPDATE reward_outbox
SET
    state = $2,
    provider = $3,
    priority = $4,
    attempts = $5,
    due_time = instant($6),
    refusal = $7,
    settle_time = instant($8)
WHERE grant_id = $1;

-- name: insert_audit
-- Notes what an operator did to a grant.
INSERT INTO reward_audit (act_time, operator, action, grant_id, reason, before)
VALUES (instant($1), $2, $3, $4, $5, $6::jsonb);

-- name: read_audit
-- What operators did to a grant, in order.
SELECT act_time, operator, action, reason, before::text FROM reward_audit WHERE grant_id = $1 ORDER BY audit_id;

-- name: count_grants
-- How many grants are in each state, by provider, and when the oldest of them was claimed.
SELECT provider, state, count(*), min(create_time)
FROM reward_outbox
GROUP BY provider, state
ORDER BY provider, state;

-- name: granted_not_claimed
-- Grants that reached the player although no claim stands behind them. Never any, unless somebody changed rows by hand.
SELECT outbox.grant_id
FROM reward_outbox AS outbox
LEFT JOIN completion
    ON completion.user_id = outbox.user_id
    AND completion.period_start = outbox.period_start
    AND completion.goal_id = outbox.goal_id
    AND completion.occurrence = outbox.occurrence
    AND completion.claim_time IS NOT NULL
    AND completion.claim_number = outbox.claim_number
WHERE outbox.state = 'GRANTED' AND completion.user_id IS NULL
LIMIT $1::integer;

-- name: claimed_without_grant
-- Claims that no grant stands behind. Never any, unless somebody changed rows by hand.
SELECT completion.user_id, completion.goal_id
FROM completion
LEFT JOIN reward_outbox AS outbox
    ON outbox.user_id = completion.user_id
    AND outbox.period_start = completion.period_start
    AND outbox.goal_id = completion.goal_id
    AND outbox.occurrence = completion.occurrence
    AND outbox.claim_number = completion.claim_number
WHERE completion.claim_time IS NOT NULL AND outbox.user_id IS NULL
LIMIT $1::integer;
