-- depends: 0027-goals-over-goals
--
-- Every change that an operator makes, in one table, written by the transaction that makes the change. Changes that are no
-- transaction, such as an index that is built beside calls, have one row before they begin, and one with their outcome.
--
-- The audits of grants and adjusted points stay where earlier releases write and read them. Triggers copy each row of
-- theirs, so it does not matter which release an operator uses.
CREATE TABLE operator_audit (
    audit_id      bigint GENERATED ALWAYS AS IDENTITY,
    act_time      timestamptz NOT NULL,
    operator      text,
    database_role text,
    kind          text COLLATE "C" NOT NULL,
    phase         text NOT NULL DEFAULT 'DONE',
    begun_id      bigint,
    user_id       text COLLATE "C",
    reason        text,
    details       jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT operator_audit_pkey PRIMARY KEY (audit_id),
    CONSTRAINT operator_audit_phase_known CHECK (phase IN ('BEGUN', 'DONE', 'FAILED')),
    CONSTRAINT operator_audit_outcome_is_of_something CHECK (begun_id IS NULL OR phase <> 'BEGUN')
);

COMMENT ON COLUMN operator_audit.operator IS 'The name that the operator gave; nothing checks it. Null if none was given.';
COMMENT ON COLUMN operator_audit.database_role IS 'The role that the operator logged in as; null for acts before it was kept.';
COMMENT ON COLUMN operator_audit.kind IS 'The command, such as "rewards refund".';
COMMENT ON COLUMN operator_audit.begun_id IS 'The row of the intention that this row is the outcome of.';
COMMENT ON COLUMN operator_audit.user_id IS 'The player, if it concerns one.';

-- Serves read_operator_audit_of_player.
CREATE INDEX operator_audit_player ON operator_audit (user_id, audit_id) WHERE user_id IS NOT NULL;

CREATE FUNCTION copy_reward_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO operator_audit (act_time, operator, kind, user_id, reason, details)
    SELECT
        NEW.act_time, NEW.operator, 'rewards ' || NEW.action, min(outbox.user_id), NEW.reason,
        jsonb_build_object('grant_id', NEW.grant_id, 'before', NEW.before)
    FROM reward_outbox AS outbox
    WHERE outbox.grant_id = NEW.grant_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION copy_points_adjustment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO operator_audit (act_time, operator, kind, user_id, reason, details)
    VALUES (
        NEW.adjust_time, NEW.operator, 'points adjust', NEW.user_id, NEW.reason,
        jsonb_build_object('adjustment_id', NEW.adjustment_id, 'points', NEW.points)
    );
    RETURN NULL;
END
$$;

-- From here on rows are copied, as soon as transactions that have inserted some have ended. What they and earlier ones
-- inserted is copied below.
CREATE TRIGGER reward_audit_is_copied AFTER INSERT ON reward_audit
FOR EACH ROW EXECUTE FUNCTION copy_reward_audit();
CREATE TRIGGER points_adjustment_is_copied AFTER INSERT ON points_adjustment
FOR EACH ROW EXECUTE FUNCTION copy_points_adjustment();

INSERT INTO operator_audit (act_time, operator, database_role, kind, user_id, reason, details)
SELECT *
FROM (
    SELECT
        act_time, operator, audit.database_role, 'rewards ' || action, user_id, reason,
        jsonb_build_object('grant_id', audit.grant_id, 'before', before)
    FROM reward_audit AS audit
    LEFT JOIN reward_outbox AS outbox ON outbox.grant_id = audit.grant_id
    UNION ALL
    SELECT
        adjust_time, operator, database_role, 'points adjust', user_id, reason,
        jsonb_build_object('adjustment_id', adjustment_id, 'points', points)
    FROM points_adjustment
) AS earlier
ORDER BY 1;

CREATE TRIGGER operator_audit_is_kept BEFORE INSERT OR UPDATE OR DELETE ON operator_audit
FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER operator_audit_is_not_truncated BEFORE TRUNCATE ON operator_audit
FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();
