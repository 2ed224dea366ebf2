-- A view loses no columns, so it is made again, with the rights that roles have on it.
DO $$
DECLARE
    held record;
    rights aclitem[] := (SELECT relacl FROM pg_class WHERE oid = 'reward_claim'::regclass);
BEGIN
    DROP VIEW reward_claim;
    CREATE VIEW reward_claim AS
    SELECT
        user_id, goal_id, period_start, occurrence, claim_number, grant_id, state, reward_type, reward_id, quantity, priority,
        attempts, due_time, create_time, request_id, provider, lease_token, lease_owner, lease_until, refusal, last_error,
        settle_time, reward_number, false AS moved
    FROM reward_outbox
    UNION ALL
    SELECT
        user_id, goal_id, period_start, occurrence, claim_number, grant_id, state, reward_type, reward_id, quantity,
        priority::integer, attempts, create_time, create_time, request_id, provider, lease_token::bigint, NULL::text,
        NULL::timestamptz, refusal, last_error, settle_time, reward_number, true
    FROM settled_grant;
    FOR held IN
        SELECT privilege_type AS privilege, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
        FROM aclexplode(rights)
    LOOP
        EXECUTE format('GRANT %s ON reward_claim TO %s', held.privilege, held.role);
    END LOOP;
END
$$;

ALTER TABLE reward_outbox DROP COLUMN failures;

COMMENT ON COLUMN reward_outbox.attempts IS 'Deliveries that were begun since the claim or the last retry by an operator.';
