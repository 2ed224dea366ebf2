-- Puts grants, each of another player, into a provider's queue, in all priorities, claimed a millisecond apart up to an
-- instant in microseconds since 1970.
INSERT INTO reward_outbox (
    user_id, goal_id, period_start, occurrence, claim_number, grant_id, request_id, state, provider,
    reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time
)
SELECT
    md5('player ' || number), 'challenge-001-goal-01', timestamptz 'epoch', 1, 1, md5('grant ' || number)::uuid,
    'claim ' || number, 'PENDING', $1, 'WALLET', 'GEMS', 10, 1 + number % 9, 0, 0, claim_time, claim_time
FROM generate_series(1, $2::integer) AS number
CROSS JOIN LATERAL (
    SELECT timestamptz 'epoch' + ($3::bigint - 1000 * number) * interval '1 microsecond' AS claim_time
) AS claimed;
