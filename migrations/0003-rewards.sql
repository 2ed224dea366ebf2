-- depends: 0001-player-progress
--
-- The outbox becomes a priority queue that dispatchers lease from, and the record of every claim: a completion that was
-- refused or refunded can be claimed again, under the next claim number.

ALTER TABLE completion ADD COLUMN claim_number integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN completion.claim_number IS 'How often it was claimed; more than once only after a refusal or a refund.';
UPDATE completion SET claim_number = 1 WHERE claim_time IS NOT NULL;

ALTER TABLE reward_outbox
    ADD COLUMN request_id  text COLLATE "C",
    ADD COLUMN provider    text COLLATE "C" NOT NULL DEFAULT 'none',
    ADD COLUMN lease_token bigint NOT NULL DEFAULT 0,
    ADD COLUMN lease_owner text,
    ADD COLUMN lease_until timestamptz,
    ADD COLUMN refusal     text,
    ADD COLUMN last_error  text,
    ADD COLUMN settle_time timestamptz,
    DROP CONSTRAINT reward_outbox_state_known,
    ADD CONSTRAINT reward_outbox_state_known
        CHECK (state IN ('PENDING', 'DELIVERING', 'GRANTED', 'REFUSED', 'DEAD', 'REFUNDED')),
    ADD CONSTRAINT reward_outbox_leased_while_delivering CHECK ((state = 'DELIVERING') = (lease_until IS NOT NULL)),
    ADD CONSTRAINT reward_outbox_refusal_has_its_reason CHECK (state <> 'REFUSED' OR refusal IS NOT NULL);

COMMENT ON TABLE reward_outbox IS 'Every claim with its grant, delivered or not; a queue by provider for those that are PENDING.';
COMMENT ON COLUMN reward_outbox.create_time IS 'When the reward was claimed.';
COMMENT ON COLUMN reward_outbox.request_id IS 'The caller''s id of the claim; it stays with the claim when the goal becomes claimable again.';
COMMENT ON COLUMN reward_outbox.provider IS 'Who delivers it, decided by the claim: another provider would not know the idempotency key.';
COMMENT ON COLUMN reward_outbox.priority IS '1 (first) to 9 (last).';
COMMENT ON COLUMN reward_outbox.due_time IS 'When it may be delivered; within a priority the earliest goes first.';
COMMENT ON COLUMN reward_outbox.attempts IS 'Deliveries that were begun since the claim or the last retry by an operator.';
COMMENT ON COLUMN reward_outbox.lease_token IS 'Rises with every lease and its end, and never falls: an outcome counts only under the token it was leased with.';
COMMENT ON COLUMN reward_outbox.settle_time IS 'When it reached a state that is final.';

UPDATE reward_outbox AS outbox
SET request_id = completion.claim_request_id
FROM completion
WHERE completion.user_id = outbox.user_id
    AND completion.period_start = outbox.period_start
    AND completion.goal_id = outbox.goal_id
    AND completion.occurrence = outbox.occurrence;
UPDATE reward_outbox SET priority = 5 WHERE priority NOT BETWEEN 1 AND 9;

ALTER TABLE reward_outbox
    ALTER COLUMN provider DROP DEFAULT,
    ALTER COLUMN lease_token DROP DEFAULT,
    ADD CONSTRAINT reward_outbox_priority_known CHECK (priority BETWEEN 1 AND 9);

-- The index on it goes with it.
ALTER TABLE completion DROP COLUMN claim_request_id;

-- Serves find_claim_by_request, and makes a request id good for one claim of the player.
CREATE UNIQUE INDEX reward_outbox_request_id ON reward_outbox (user_id, request_id) WHERE request_id IS NOT NULL;

-- Serves whatever knows a grant by its id: settle_grants, find_claim_by_grant, and the operators.
CREATE UNIQUE INDEX reward_outbox_grant_id ON reward_outbox (grant_id);

-- The queue. Serves lease_grants, count_queue_ahead and make_queue_marks.
CREATE INDEX reward_outbox_queue ON reward_outbox (provider, priority, due_time, grant_id) WHERE state = 'PENDING';

-- Serves take_stale_grants.
CREATE INDEX reward_outbox_leases ON reward_outbox (lease_until) WHERE state = 'DELIVERING';

-- A queue leaves dead entries at its head; without frequent vacuuming every lease would step over them.
ALTER TABLE reward_outbox SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Every 10,000th place of a long queue, counted now and then, so that a place further back is known without counting.
CREATE TABLE reward_queue_mark (
    provider        text COLLATE "C" NOT NULL,
    place           bigint NOT NULL,
    priority        integer NOT NULL,
    due_time        timestamptz NOT NULL,
    grant_id        uuid NOT NULL,
    count_time      timestamptz NOT NULL,
    depth           bigint NOT NULL,
    oldest_due_time timestamptz NOT NULL,
    CONSTRAINT reward_queue_mark_pkey PRIMARY KEY (provider, priority, due_time, grant_id)
);

COMMENT ON COLUMN reward_queue_mark.depth IS 'How many grants waited for this provider at count_time.';
COMMENT ON COLUMN reward_queue_mark.place IS 'How many grants stood before this one at count_time.';

-- The actions of operators on grants, kept for ever.
CREATE TABLE reward_audit (
    audit_id  bigint GENERATED ALWAYS AS IDENTITY,
    act_time  timestamptz NOT NULL,
    operator  text NOT NULL,
    action    text NOT NULL,
    grant_id  uuid NOT NULL,
    reason    text NOT NULL,
    before    jsonb NOT NULL,
    CONSTRAINT reward_audit_pkey PRIMARY KEY (audit_id),
    CONSTRAINT reward_audit_reason_given CHECK (reason <> '')
);

COMMENT ON COLUMN reward_audit.before IS 'State, attempts, priority and provider as they were.';

-- Serves read_audit.
CREATE INDEX reward_audit_grant_id ON reward_audit (grant_id);
