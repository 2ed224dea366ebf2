-- depends: 0028-operator-audit
--
-- Completions that operators took back, with the claims that stand: a reward is granted once, however often its goal is
-- completed. The trigger gives a completion that is stored again its claim back. It is called once by a statement that
-- stores completions, and looks no further while there are no rows here. Releases before that do not know the table are
-- served by it, too.
CREATE TABLE reopened_completion (
    user_id       text COLLATE "C" NOT NULL,
    goal_id       text COLLATE "C" NOT NULL,
    period_start  timestamptz NOT NULL,
    occurrence    integer NOT NULL,
    complete_time timestamptz,
    claim_time    timestamptz,
    claim_number  integer NOT NULL,
    challenge_id  text COLLATE "C",
    tags          text[] COLLATE "C" NOT NULL,
    points        bigint NOT NULL,
    active_since  timestamptz,
    CONSTRAINT reopened_completion_pkey PRIMARY KEY (user_id, goal_id, period_start, occurrence)
);

COMMENT ON TABLE reopened_completion IS 'Columns as in the table completion.';

CREATE FUNCTION restore_claims() RETURNS trigger LANGUAGE plpgsql AS $$
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

-- With the rights of the owner, so that services need none on the table. So no other role may put it on a table of its own.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION restore_claims() SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
    REVOKE EXECUTE ON FUNCTION restore_claims() FROM PUBLIC;
END
$$;

CREATE TRIGGER completion_restores_claims AFTER INSERT ON completion
REFERENCING NEW TABLE AS stored
FOR EACH STATEMENT EXECUTE FUNCTION restore_claims();
