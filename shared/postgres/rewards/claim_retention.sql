-- name: lock_claim_retention
-- Try to become the one transaction that deletes old claims and audits, or stay it. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 8);

-- name: end_of_claims
-- Return the last player of a range that begins after a player and spans about this many claims; no row if fewer are left.
-- $1 after_user_id, $2 claims
SELECT user_id FROM reward_claim WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;

-- name: read_old_claims
-- Return old claims in a range of players that may be deleted if their completions were carried forward: their grants are settled,
-- and no operator has taken the completion back.
-- $1 after_user_id, $2 last_user_id, $3 before
SELECT user_id, goal_id, period_start, occurrence, grant_id, moved
FROM reward_claim AS claim
WHERE user_id > $1
    AND user_id <= $2
    AND period_start <> timestamptz 'epoch'
    AND state IN ('GRANTED', 'REFUSED', 'REFUNDED')
    AND CASE WHEN settle_time IS NULL THEN false ELSE greatest(create_time, settle_time) < instant($3) END
    AND NOT EXISTS (
        SELECT FROM reopened_completion AS reopened
        WHERE reopened.user_id = claim.user_id
            AND reopened.goal_id = claim.goal_id
            AND reopened.period_start = claim.period_start
            AND reopened.occurrence = claim.occurrence
    );

-- name: read_carried_goals
-- Return of which goals players have completions that were carried forward.
-- $1 user_ids
SELECT DISTINCT user_id, goal_id FROM carried_completion WHERE user_id = ANY ($1::text[]);

-- name: delete_claims
-- Delete claims by their grants, unless these can change again, and return their number.
-- $1 grant_ids in the outbox, $2 grant_ids in the history
WITH deleted AS (
    DELETE FROM reward_outbox
    WHERE grant_id = ANY ($1::uuid[]) AND state IN ('GRANTED', 'REFUSED', 'REFUNDED')
    RETURNING 1
),
of_history AS (
    DELETE FROM settled_grant WHERE grant_id = ANY ($2::uuid[]) RETURNING 1
)
SELECT (SELECT count(*) FROM deleted) + (SELECT count(*) FROM of_history);

-- name: delete_old_audits
-- Delete some of the oldest audits of operators, and return their number. They are too old by the clock of the process and
-- by that of the database.
-- $1 now, $2 kept_us
SELECT delete_old_audits(least(instant($1), database_time()) - $2::bigint * interval '1 microsecond');
