-- name: insert_grant
-- Stores the grant of a claim, due at once.
INSERT INTO reward_outbox (
    user_id, goal_id, period_start, occurrence, claim_number,
    grant_id, state, reward_type, reward_id, quantity, priority, attempts, due_time, create_time
)
SELECT
    $1, $2, timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4, $5,
    $6, 'PENDING', $7, $8, $9, 0, 0, claim_time, claim_time
FROM (SELECT timestamptz 'epoch' + $10::bigint * interval '1 microsecond' AS claim_time) AS claim;

-- name: find_claim
-- The claim of a completion with its newest grant; no row while it is not claimed.
SELECT
    completion.goal_id, completion.period_start, completion.occurrence, completion.claim_request_id,
    reward_outbox.grant_id, reward_outbox.state, reward_outbox.reward_type, reward_outbox.reward_id,
    reward_outbox.quantity, completion.claim_time
FROM completion
JOIN reward_outbox
    ON reward_outbox.user_id = completion.user_id
    AND reward_outbox.goal_id = completion.goal_id
    AND reward_outbox.period_start = completion.period_start
    AND reward_outbox.occurrence = completion.occurrence
WHERE completion.user_id = $1
    AND completion.goal_id = $2
    AND completion.period_start = timestamptz 'epoch' + $3::bigint * interval '1 microsecond'
    AND completion.occurrence = $4
    AND completion.claim_time IS NOT NULL
ORDER BY reward_outbox.claim_number DESC
LIMIT 1;

-- name: find_claim_by_request
-- The claim that a player made under a request id, with its newest grant.
SELECT
    completion.goal_id, completion.period_start, completion.occurrence, completion.claim_request_id,
    reward_outbox.grant_id, reward_outbox.state, reward_outbox.reward_type, reward_outbox.reward_id,
    reward_outbox.quantity, completion.claim_time
FROM completion
JOIN reward_outbox
    ON reward_outbox.user_id = completion.user_id
    AND reward_outbox.goal_id = completion.goal_id
    AND reward_outbox.period_start = completion.period_start
    AND reward_outbox.occurrence = completion.occurrence
WHERE completion.user_id = $1 AND completion.claim_request_id = $2
ORDER BY reward_outbox.claim_number DESC
LIMIT 1;
