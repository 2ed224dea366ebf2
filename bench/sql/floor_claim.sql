-- The rows of a claim: a completion, its grant, and three standings.
-- $1 number of the call
WITH claimed AS (
    INSERT INTO completion (user_id, goal_id, period_start, occurrence, claim_time, claim_number)
    VALUES ($1::bigint::text, 'goal', timestamptz 'epoch', 1, timestamptz 'epoch', 1)
),
granted AS (
    INSERT INTO reward_outbox (
        user_id, goal_id, period_start, occurrence, claim_number, grant_id, request_id, state, provider, reward_type,
        reward_id, quantity, priority, attempts, lease_token, due_time, create_time
    )
    VALUES (
        $1::text, 'goal', timestamptz 'epoch', 1, 1, md5($1::text)::uuid, 'request', 'PENDING', 'none', 'WALLET',
        'GEMS', 1, 5, 0, 0, timestamptz 'epoch', timestamptz 'epoch'
    )
)
INSERT INTO standing (user_id, schedule, period_start, scope, scope_id, completed, claimed, points, version)
SELECT $1::text, schedule, timestamptz 'epoch', scope, scope_id, 0, 1, 0, 0
FROM (VALUES ('lifetime', 'all', ''), ('day', 'all', ''), ('lifetime', 'challenge', 'arena'))
    AS counted (schedule, scope, scope_id);
