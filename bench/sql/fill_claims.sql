-- Stores claims of players at random, each with a request id, due at an instant in microseconds since 1970.
-- $1 number of the first claim, $2 claims, $3 players, $4 instant
INSERT INTO reward_outbox (
    user_id, goal_id, period_start, occurrence, claim_number, grant_id, request_id, state, provider,
    reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time
)
SELECT
    'player-' || to_char(number * 7919 % $3::integer, 'FM00000000'), 'challenge-001-goal-' || to_char(number % 60, 'FM00'),
    timestamptz 'epoch' + (number / 60 % 40) * interval '1 day', 1 + number / 12000, 1, gen_random_uuid(),
    gen_random_uuid()::text, 'PENDING', 'grpc', 'WALLET', 'GEMS', 10, 5, 0, 0, instant($4), instant($4)
FROM generate_series($1::integer, $1::integer + $2::integer - 1) AS number;
