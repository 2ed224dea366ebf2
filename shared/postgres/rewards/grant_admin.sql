-- name: list_grants
-- Return grants for operators, the oldest claims first. A null condition matches everything. The history is not looked at
-- if it cannot have any of the states.
-- $1 states, $2 provider, $3 user_id, $4 count_max, $5 true to look at the history
SELECT
    grant_id, user_id, goal_id, period_start, occurrence, claim_number,
    reward_type, reward_id, quantity, create_time,
    state, provider, priority, attempts, failures, due_time, refusal, settle_time, lease_token > 0,
    request_id, last_error, lease_owner, lease_until, reward_number
FROM reward_claim
WHERE ($1::text[] IS NULL OR state = ANY ($1::text[]))
    AND ($2::text IS NULL OR provider = $2)
    AND ($3::text IS NULL OR user_id = $3)
    AND (NOT moved OR $5::boolean)
ORDER BY create_time, grant_id
LIMIT $4::integer;

-- name: find_grant
-- Return one grant for operators.
-- $1 grant_id
SELECT
    grant_id, user_id, goal_id, period_start, occurrence, claim_number,
    reward_type, reward_id, quantity, create_time,
    state, provider, priority, attempts, failures, due_time, refusal, settle_time, lease_token > 0,
    request_id, last_error, lease_owner, lease_until, reward_number
FROM reward_claim
WHERE grant_id = $1;

-- name: lock_grant
-- Lock a grant, so that no dispatcher takes it while an operator changes it, and it is not moved; no row if it was.
-- $1 grant_id
SELECT grant_id FROM reward_outbox WHERE grant_id = $1 FOR UPDATE;

-- name: return_grant
-- Let a grant that was moved be in the outbox again. A request id that belongs to a newer claim by now stays with that.
-- $1 grant_id
WITH returned AS (
    DELETE FROM settled_grant WHERE grant_id = $1 RETURNING *
)
INSERT INTO reward_outbox (
    user_id, goal_id, period_start, occurrence, claim_number, reward_number, grant_id, request_id, state, provider,
    reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time, settle_time, refusal, last_error
)
SELECT
    user_id, goal_id, period_start, occurrence, claim_number, reward_number, grant_id,
    CASE
        WHEN NOT EXISTS (
            SELECT FROM reward_outbox AS other
            WHERE other.user_id = returned.user_id AND other.request_id = returned.request_id
        ) AND NOT EXISTS (
            SELECT FROM settled_grant AS other
            WHERE char_length(other.user_id)::text || '/' || other.user_id || other.request_id
                    = char_length(returned.user_id)::text || '/' || returned.user_id || returned.request_id
                AND other.grant_id <> returned.grant_id
                AND other.settle_time > database_time() - interval '100 days'
        )
        THEN request_id
    END,
    state, provider, reward_type, reward_id, quantity, priority, attempts, lease_token, create_time, create_time, settle_time,
    refusal, last_error
FROM returned;

-- name: change_grant
-- Store the status that an operator gives a grant. Its lease token stays, because it never decreases.
-- $1 grant_id, $2 state, $3 provider, $4 priority, $5 attempts, $6 failures, $7 due_time, $8 refusal, $9 settle_time
UPDATE reward_outbox
SET
    state = $2,
    provider = $3,
    priority = $4,
    attempts = $5,
    failures = $6,
    due_time = instant($7),
    refusal = $8,
    settle_time = instant($9)
WHERE grant_id = $1;

-- name: insert_audit
-- Record what an operator did to a grant.
-- $1 act_time, $2 operator, $3 action, $4 grant_id, $5 reason, $6 before
INSERT INTO reward_audit (act_time, operator, action, grant_id, reason, before)
VALUES (instant($1), $2, $3, $4, $5, $6::jsonb);

-- name: read_audit
-- Return what operators did to a grant, in order.
-- $1 grant_id
SELECT act_time, operator, database_role, action, reason, before::text
FROM reward_audit
WHERE grant_id = $1
ORDER BY audit_id;

-- name: count_grants
-- Return the number of grants by provider and state, and when the oldest of them was claimed.
SELECT provider, state, count(*), min(create_time)
FROM reward_claim
GROUP BY provider, state
ORDER BY provider, state;

-- name: granted_not_claimed
-- Return delivered grants that no claim stands behind, the newest of each player and goal first. There are none unless
-- rows were changed by hand. As many grants of a goal as were carried forward have no completion any more, and those of
-- completions that were taken back stand without one.
-- $1 count_max
WITH alone AS (
    SELECT
        outbox.grant_id, outbox.user_id, outbox.goal_id, outbox.create_time,
        count(*) OVER (PARTITION BY outbox.user_id, outbox.goal_id) AS grants
    FROM reward_claim AS outbox
    LEFT JOIN every_completion AS completion
        ON completion.user_id = outbox.user_id
        AND completion.period_start = outbox.period_start
        AND completion.goal_id = outbox.goal_id
        AND completion.occurrence = outbox.occurrence
        AND completion.claim_time IS NOT NULL
        AND CASE
            WHEN completion.claimed_rewards IS NULL THEN completion.claim_number = outbox.claim_number
            -- The newest claim of each of several rewards holds it.
            ELSE completion.claimed_rewards & (1 << (outbox.reward_number - 1)) <> 0
                AND NOT EXISTS (
                    SELECT FROM reward_claim AS newer
                    WHERE newer.user_id = outbox.user_id
                        AND newer.period_start = outbox.period_start
                        AND newer.goal_id = outbox.goal_id
                        AND newer.occurrence = outbox.occurrence
                        AND newer.claim_number > outbox.claim_number
                        AND newer.reward_number = outbox.reward_number
                )
        END
    LEFT JOIN reopened_completion AS reopened
        ON reopened.user_id = outbox.user_id
        AND reopened.period_start = outbox.period_start
        AND reopened.goal_id = outbox.goal_id
        AND reopened.occurrence = outbox.occurrence
        AND reopened.claim_time IS NOT NULL
        AND CASE
            WHEN reopened.claimed_rewards IS NULL THEN reopened.claim_number = outbox.claim_number
            ELSE reopened.claimed_rewards & (1 << (outbox.reward_number - 1)) <> 0
        END
    WHERE outbox.state = 'GRANTED' AND completion.user_id IS NULL AND reopened.user_id IS NULL
),
carried AS (
    SELECT user_id, goal_id, sum(granted) AS granted FROM carried_completion GROUP BY user_id, goal_id
)
SELECT grant_id
FROM alone
LEFT JOIN carried USING (user_id, goal_id)
WHERE grants > coalesce(granted, 0)
ORDER BY user_id, goal_id, create_time DESC
LIMIT $1::integer;

-- name: claimed_without_grant
-- Return claims that no grant stands behind. There are none unless rows were changed by hand. Only completions whose
-- grants are stored are carried forward. Of claims that are older than the history, grants may have been dropped.
-- $1 count_max
SELECT completion.user_id, completion.goal_id, completion.period_start, completion.occurrence
FROM every_completion AS completion
LEFT JOIN reward_claim AS outbox
    ON outbox.user_id = completion.user_id
    AND outbox.period_start = completion.period_start
    AND outbox.goal_id = completion.goal_id
    AND outbox.occurrence = completion.occurrence
    AND outbox.claim_number = completion.claim_number
WHERE completion.claim_time >= coalesce((SELECT dropped_until FROM grant_history), '-infinity') AND outbox.user_id IS NULL
UNION
-- Each of several rewards has a grant.
SELECT completion.user_id, completion.goal_id, completion.period_start, completion.occurrence
FROM every_completion AS completion
CROSS JOIN generate_series(1, 31) AS reward (number)
LEFT JOIN reward_claim AS outbox
    ON outbox.user_id = completion.user_id
    AND outbox.period_start = completion.period_start
    AND outbox.goal_id = completion.goal_id
    AND outbox.occurrence = completion.occurrence
    AND outbox.reward_number = reward.number
WHERE completion.claimed_rewards & (1 << (reward.number - 1)) <> 0
    AND completion.claim_time >= coalesce((SELECT dropped_until FROM grant_history), '-infinity')
    AND outbox.user_id IS NULL
LIMIT $1::integer;

-- name: granted_twice
-- Return the ids of grants that are stored more than once: twice in the history, or there and in the outbox. There are none
-- unless rows were changed by hand, or a release before stored a completion twice.
-- $1 count_max
SELECT grant_id FROM reward_claim GROUP BY user_id, grant_id HAVING count(*) > 1 LIMIT $1::integer;

-- name: completed_twice
-- Return completions that are stored more than once: twice packed, or as two of packed, a row of its own, and taken back.
-- There are none for the same reasons.
-- $1 count_max
SELECT user_id, goal_id, period_start, occurrence
FROM (
    SELECT user_id, goal_id, period_start, occurrence FROM every_completion
    UNION ALL
    SELECT user_id, goal_id, period_start, occurrence FROM reopened_completion
) AS stored
GROUP BY user_id, goal_id, period_start, occurrence
HAVING count(*) > 1
LIMIT $1::integer;
