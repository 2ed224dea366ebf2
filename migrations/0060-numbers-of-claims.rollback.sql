-- As it was.
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
