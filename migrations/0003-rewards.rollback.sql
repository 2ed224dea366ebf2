-- Grants that were settled become PENDING again in name only: nothing of the schema before this migration delivers them.
DROP TABLE reward_audit;
DROP TABLE reward_queue_mark;
DROP INDEX reward_outbox_leases;
DROP INDEX reward_outbox_queue;
DROP INDEX reward_outbox_grant_id;
DROP INDEX reward_outbox_request_id;

ALTER TABLE completion ADD COLUMN claim_request_id text COLLATE "C";
UPDATE completion
SET claim_request_id = outbox.request_id
FROM reward_outbox AS outbox
WHERE completion.user_id = outbox.user_id
    AND completion.period_start = outbox.period_start
    AND completion.goal_id = outbox.goal_id
    AND completion.occurrence = outbox.occurrence
    AND completion.claim_number = outbox.claim_number
    AND completion.claim_time IS NOT NULL;
ALTER TABLE completion
    DROP COLUMN claim_number,
    ADD CONSTRAINT completion_request_id_only_when_claimed CHECK (claim_request_id IS NULL OR claim_time IS NOT NULL);
CREATE UNIQUE INDEX completion_claim_request_id ON completion (user_id, claim_request_id)
    WHERE claim_request_id IS NOT NULL;

ALTER TABLE reward_outbox
    DROP CONSTRAINT reward_outbox_state_known,
    DROP CONSTRAINT reward_outbox_leased_while_delivering,
    DROP CONSTRAINT reward_outbox_refusal_has_its_reason,
    DROP CONSTRAINT reward_outbox_priority_known,
    DROP COLUMN request_id,
    DROP COLUMN provider,
    DROP COLUMN lease_token,
    DROP COLUMN lease_owner,
    DROP COLUMN lease_until,
    DROP COLUMN refusal,
    DROP COLUMN last_error,
    DROP COLUMN settle_time;
UPDATE reward_outbox SET state = 'PENDING';
ALTER TABLE reward_outbox
    ADD CONSTRAINT reward_outbox_state_known CHECK (state IN ('PENDING')),
    RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
