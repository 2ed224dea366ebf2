-- name: lock_claim_retention
-- Try to become the one transaction that deletes old claims and audits, or stay it. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 8);

-- name: end_of_claims
-- Return the last player of a range that begins after a player and spans about this many claims; no row if fewer are left.
-- $1 after_user_id, $2 claims
SELECT user_id FROM reward_claim WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;

-- name: delete_old_claims
-- Delete settled claims of completions that were carried forward, in a range of players, and return their number. A claim
-- whose completion is there, or was taken back by an operator, stays.
-- $1 after_user_id, $2 last_user_id, $3 before
WITH old AS MATERIALIZED (
    SELECT outbox.grant_id, moved
    FROM reward_claim AS outbox
    WHERE outbox.user_id > $1
        AND outbox.user_id <= $2
        AND outbox.period_start <> timestamptz 'epoch'
        AND outbox.state IN ('GRANTED', 'REFUSED', 'REFUNDED')
        AND CASE
            WHEN outbox.settle_time IS NULL THEN false
            ELSE greatest(outbox.create_time, outbox.settle_time) < instant($3)
        END
        AND EXISTS (
            SELECT FROM carried_completion AS carried
            WHERE carried.user_id = outbox.user_id AND carried.goal_id = outbox.goal_id
        )
        AND NOT EXISTS (
            SELECT FROM completion
            WHERE completion.user_id = outbox.user_id
                AND completion.period_start = outbox.period_start
                AND completion.goal_id = outbox.goal_id
                AND completion.occurrence = outbox.occurrence
        )
        AND NOT EXISTS (
            SELECT FROM settled_completion AS settled
            WHERE settled.user_id = outbox.user_id
                AND settled.to_start >= outbox.period_start
                AND settled.from_start <= outbox.period_start
                AND EXISTS (
                    SELECT FROM unnest(goal_ids, period_starts, occurrences) AS packed (goal_id, period_start, occurrence)
                    WHERE packed.goal_id = outbox.goal_id
                        AND packed.period_start = microseconds(outbox.period_start)
                        AND coalesce(packed.occurrence, 1) = outbox.occurrence
                )
        )
        AND NOT EXISTS (
            SELECT FROM reopened_completion AS reopened
            WHERE reopened.user_id = outbox.user_id
                AND reopened.goal_id = outbox.goal_id
                AND reopened.period_start = outbox.period_start
                AND reopened.occurrence = outbox.occurrence
        )
),
deleted AS (
    DELETE FROM reward_outbox
    USING old
    WHERE NOT moved
        AND reward_outbox.grant_id = old.grant_id
        AND reward_outbox.state IN ('GRANTED', 'REFUSED', 'REFUNDED')
    RETURNING 1
),
of_history AS (
    DELETE FROM settled_grant
    USING old
    WHERE moved AND settled_grant.grant_id = old.grant_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM deleted) + (SELECT count(*) FROM of_history);

-- name: delete_old_audits
-- Delete some of the oldest audits of operators, and return their number. They are too old by the clock of the process and
-- by that of the database.
-- $1 now, $2 kept_us
SELECT delete_old_audits(least(instant($1), database_time()) - $2::bigint * interval '1 microsecond');
