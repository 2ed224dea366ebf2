-- transactional: false
--
-- Fails, and changes nothing, while a claim has grants of several rewards: the key before has no room for them.
SET lock_timeout = '1min';

DROP INDEX CONCURRENTLY IF EXISTS reward_outbox_by_claim;

CREATE UNIQUE INDEX CONCURRENTLY reward_outbox_by_claim
ON reward_outbox (user_id, period_start, goal_id, occurrence, claim_number);

SET lock_timeout = '3s';

ALTER TABLE reward_outbox
    DROP CONSTRAINT reward_outbox_pkey,
    ADD CONSTRAINT reward_outbox_pkey PRIMARY KEY USING INDEX reward_outbox_by_claim;

ALTER TABLE reward_outbox DROP COLUMN reward_number;

-- In one statement, so that at no moment it has other rights than the owner's. Who may execute it stays as it is.
DO $do$
BEGIN
    CREATE OR REPLACE FUNCTION restore_claims() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_RELID <> 'completion'::regclass THEN
            RAISE EXCEPTION 'restore_claims belongs to the table completion';
        END IF;
        IF EXISTS (SELECT FROM reopened_completion) THEN
            WITH again AS (
                DELETE FROM reopened_completion AS reopened
                USING stored
                WHERE reopened.user_id = stored.user_id
                    AND reopened.goal_id = stored.goal_id
                    AND reopened.period_start = stored.period_start
                    AND reopened.occurrence = stored.occurrence
                RETURNING reopened.*
            )
            UPDATE completion
            SET claim_time = again.claim_time, claim_number = again.claim_number
            FROM again
            WHERE completion.user_id = again.user_id
                AND completion.goal_id = again.goal_id
                AND completion.period_start = again.period_start
                AND completion.occurrence = again.occurrence
                AND again.claim_number > 0;
        END IF;
        RETURN NULL;
    END
    $$;
    EXECUTE format('ALTER FUNCTION restore_claims() SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
END
$do$;

ALTER TABLE reopened_completion DROP COLUMN claimed_rewards;

ALTER TABLE completion DROP COLUMN claimed_rewards;

ALTER TABLE carried_completion
    DROP CONSTRAINT carried_completion_counts,
    ADD CONSTRAINT carried_completion_counts
        CHECK (completed > 0 AND claimed BETWEEN 0 AND completed AND granted BETWEEN 0 AND claimed);
