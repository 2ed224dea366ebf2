-- name: lease_grants
-- Lease a provider's due grants for delivery, by priority and then by due time. Each priority is searched separately,
-- so grants of a high priority that are not due cost nothing. Rows that another dispatcher is leasing are skipped. The attempt
-- counts from now on, unless one was lost before: then it counts when it begins.
-- $1 provider, $2 now, $3 count_max, $4 lease_owner, $5 lease_until
WITH due AS (
    SELECT waiting.grant_id, (waiting.attempts > waiting.failures)::integer AS counts_later
    FROM generate_series(1, 9) AS lane (priority)
    CROSS JOIN LATERAL (
        SELECT grant_id, attempts, failures
        FROM reward_outbox
        WHERE provider = $1
            AND state = 'PENDING'
            AND reward_outbox.priority = lane.priority
            AND due_time <= instant($2)
        ORDER BY due_time, grant_id
        LIMIT $3::integer
        FOR UPDATE SKIP LOCKED
    ) AS waiting
    LIMIT $3::integer
)
UPDATE reward_outbox
SET
    state = 'DELIVERING',
    attempts = attempts + 1 - counts_later,
    lease_token = lease_token + 1,
    lease_owner = $4,
    lease_until = instant($5)
FROM due
WHERE reward_outbox.grant_id = due.grant_id
RETURNING
    reward_outbox.grant_id, user_id, goal_id, period_start, occurrence, claim_number,
    reward_type, reward_id, quantity, priority, create_time, attempts + counts_later, failures, lease_token, lease_until,
    reward_number;

-- name: begin_grant
-- Count an attempt before it begins, if its lease still holds: then return its grant.
-- $1 grant_id, $2 lease_token
UPDATE reward_outbox
SET attempts = attempts + 1
WHERE grant_id = $1 AND lease_token = $2
RETURNING grant_id;

-- name: take_stale_grants
-- Take over grants whose lease has expired. The previous lease is void from then on.
-- $1 provider, $2 now, $3 count_max, $4 lease_owner, $5 lease_until
WITH stale AS (
    SELECT grant_id
    FROM reward_outbox
    WHERE provider = $1
        AND state = 'DELIVERING'
        AND lease_until <= instant($2)
    ORDER BY lease_until
    LIMIT $3::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE reward_outbox
SET
    lease_token = lease_token + 1,
    lease_owner = $4,
    lease_until = instant($5)
FROM stale
WHERE reward_outbox.grant_id = stale.grant_id
RETURNING
    reward_outbox.grant_id, user_id, goal_id, period_start, occurrence, claim_number,
    reward_type, reward_id, quantity, priority, create_time, attempts, failures, lease_token, lease_until, reward_number;

-- name: lease_owners
-- Return the owners of a provider's leases that have not expired.
-- $1 provider, $2 now
SELECT DISTINCT lease_owner
FROM reward_outbox
WHERE provider = $1
    AND state = 'DELIVERING'
    AND lease_until > instant($2);

-- name: end_leases
-- Expire the leases of dispatchers that are gone, so that take_stale_grants finds them.
-- $1 provider, $2 now, $3 lease_owners
UPDATE reward_outbox
SET lease_until = instant($2)
WHERE provider = $1
    AND state = 'DELIVERING'
    AND lease_until > instant($2)
    AND lease_owner = ANY ($3::text[]);

-- name: settle_grants
-- Record the outcomes of attempts, each only if its lease still holds; return the grants whose outcome was recorded. A null due time keeps the stored one. Empty texts stand for null.
-- $1 grant_ids, $2 lease_tokens, $3 states, $4 due_times, $5 attempts_back, $6 failed, $7 refusals, $8 errors, $9 settle_times
UPDATE reward_outbox
SET
    state = outcome.state,
    due_time = coalesce(instant(outcome.due_time), reward_outbox.due_time),
    attempts = reward_outbox.attempts - outcome.attempts_back,
    failures = CASE WHEN outcome.state IN ('PENDING', 'DEAD') THEN reward_outbox.failures + outcome.failed ELSE 0 END,
    -- The lease is over: a second outcome under its token is void.
    lease_token = reward_outbox.lease_token + 1,
    refusal = nullif(outcome.refusal, ''),
    last_error = coalesce(nullif(outcome.error, ''), last_error),
    settle_time = instant(outcome.settle_time),
    lease_owner = NULL,
    lease_until = NULL
FROM unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::integer[], $6::integer[], $7::text[], $8::text[], $9::bigint[]
) AS outcome (grant_id, lease_token, state, due_time, attempts_back, failed, refusal, error, settle_time)
WHERE reward_outbox.grant_id = outcome.grant_id
    AND reward_outbox.lease_token = outcome.lease_token
RETURNING reward_outbox.grant_id;

-- name: read_challenges_of_grants
-- Return the challenges of grants, which metrics name, each by the primary key of its completion. Packed ones are looked for only
-- if others are missing: those of grants that operators retried. Those of completions that were carried forward are missing.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences, $5 grant_ids
WITH found AS MATERIALIZED (
    SELECT delivered.grant_id, completion.challenge_id
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[], $5::uuid[])
        AS delivered (user_id, goal_id, start, occurrence, grant_id)
    JOIN (SELECT * FROM completion WHERE user_id = ANY ($1::text[])) AS completion
        ON completion.user_id = delivered.user_id
        AND completion.period_start = instant(start)
        AND completion.goal_id = delivered.goal_id
        AND completion.occurrence = delivered.occurrence
)
SELECT grant_id, challenge_id FROM found
UNION ALL
SELECT missing.grant_id, packed.challenge_id
FROM (
    SELECT *
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[], $5::uuid[])
        AS delivered (user_id, goal_id, start, occurrence, grant_id)
    WHERE grant_id NOT IN (SELECT grant_id FROM found)
) AS missing
JOIN (SELECT * FROM settled_completion WHERE user_id = ANY ($1::text[])) AS settled
    ON settled.user_id = missing.user_id
    AND settled.to_start >= instant(missing.start)
    AND settled.from_start <= instant(missing.start)
    AND missing.goal_id = ANY (settled.goal_ids)
CROSS JOIN LATERAL unnest(goal_ids, period_starts, occurrences, challenge_ids) AS packed (goal_id, start, number, challenge_id)
WHERE packed.goal_id = missing.goal_id
    AND packed.start = missing.start
    AND coalesce(packed.number, 1) = missing.occurrence;

-- name: recall_grants
-- Make grants that wait for another attempt due at once, in the queue positions of their claims.
-- $1 grant_ids
UPDATE reward_outbox
SET due_time = create_time
FROM unnest($1::uuid[]) AS recalled (grant_id)
WHERE reward_outbox.grant_id = recalled.grant_id AND state = 'PENDING';
