-- depends: 0029-reopened-completions
-- transactional: false
--
-- A goal may have several rewards, each with a grant of its own. Columns with a constant default change no row. The key of
-- grants gets the number of the reward: its index is built beside calls, outside of a transaction, and then becomes the
-- primary key, which takes a lock for an instant. The release before stores grants of the first reward alone, for which
-- both keys are the same. A build that was interrupted leaves an invalid index behind, which is dropped first.
ALTER TABLE completion ADD COLUMN IF NOT EXISTS claimed_rewards integer;

COMMENT ON COLUMN completion.claimed_rewards IS
    'The claimed ones of several rewards: bit n - 1 stands for reward n. Null: the first if there is a claim time, or none.';

ALTER TABLE reopened_completion ADD COLUMN IF NOT EXISTS claimed_rewards integer;

-- In one statement, so that at no moment it has other rights than the owner's, or other callers than the trigger.
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
            SET
                claim_time = again.claim_time,
                claim_number = again.claim_number,
                claimed_rewards = again.claimed_rewards
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
    REVOKE EXECUTE ON FUNCTION restore_claims() FROM PUBLIC;
END
$do$;

ALTER TABLE reward_outbox ADD COLUMN IF NOT EXISTS reward_number integer NOT NULL DEFAULT 1;

COMMENT ON COLUMN reward_outbox.reward_number IS 'Which reward of the goal, from 1.';

SET lock_timeout = '1min';

DROP INDEX CONCURRENTLY IF EXISTS reward_outbox_by_reward;

CREATE UNIQUE INDEX CONCURRENTLY reward_outbox_by_reward
ON reward_outbox (user_id, period_start, goal_id, occurrence, claim_number, reward_number);

SET lock_timeout = '3s';

ALTER TABLE reward_outbox
    DROP CONSTRAINT reward_outbox_pkey,
    ADD CONSTRAINT reward_outbox_pkey PRIMARY KEY USING INDEX reward_outbox_by_reward;

-- A completion that is carried forward may have had several grants.
ALTER TABLE carried_completion
    DROP CONSTRAINT IF EXISTS carried_completion_counts,
    ADD CONSTRAINT carried_completion_counts
        CHECK (completed > 0 AND claimed BETWEEN 0 AND completed AND granted >= 0) NOT VALID;

ALTER TABLE carried_completion VALIDATE CONSTRAINT carried_completion_counts;

COMMENT ON COLUMN carried_completion.granted IS
    'Number of their rewards that were granted. Their grants have no completion any more.';
