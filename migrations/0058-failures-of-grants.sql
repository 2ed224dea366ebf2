-- depends: 0056-processes-of-leaderboards
--
-- Counts the attempts of which it is known that the provider failed: pauses follow these, and not the leases of dispatchers that
-- were killed. A column with a constant default changes no row. Grants that failed under the release before have 0, so their
-- earlier attempts count as lost ones, with almost the same pauses.
--
-- Calls lock the view before its tables, and so does this: in the other order they would end each other's waits for ever.
LOCK TABLE reward_claim IN ACCESS EXCLUSIVE MODE;

ALTER TABLE reward_outbox ADD COLUMN failures integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN reward_outbox.failures IS
    'Attempts since the claim or the last retry by an operator that the provider is known to have failed; 0 once it is granted, refused or refunded.';
COMMENT ON COLUMN reward_outbox.attempts IS
    'Deliveries since the claim or the last retry by an operator that were begun, or may have been. If it is more than the failures, some were lost with their dispatcher: then it rises when a delivery begins, and before with the lease.';

-- As before, with the new column: grants in the history have none.
CREATE OR REPLACE VIEW reward_claim AS
SELECT
    user_id, goal_id, period_start, occurrence, claim_number, grant_id, state, reward_type, reward_id, quantity, priority,
    attempts, due_time, create_time, request_id, provider, lease_token, lease_owner, lease_until, refusal, last_error,
    settle_time, reward_number, false AS moved, failures
FROM reward_outbox
UNION ALL
SELECT
    user_id, goal_id, period_start, occurrence, claim_number, grant_id, state, reward_type, reward_id, quantity,
    priority::integer, attempts, create_time, create_time, request_id, provider, lease_token::bigint, NULL::text,
    NULL::timestamptz, refusal, last_error, settle_time, reward_number, true, 0
FROM settled_grant;
