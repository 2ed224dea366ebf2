-- depends: 0042-incremental-counts
--
-- Settled grants leave the outbox for a history of their own, so that the queue stays small. The duty that moves them begins
-- once this migration is as old as grants stay in the outbox (GRANT_MOVE_D): the release before looks for grants in the
-- outbox alone, and is gone by then. Tables and functions are new or replaced; the outbox itself gets a trigger.

CREATE TABLE settled_grant (
    grant_id      uuid NOT NULL,
    period_start  timestamptz NOT NULL,
    create_time   timestamptz NOT NULL,
    settle_time   timestamptz NOT NULL,
    quantity      bigint NOT NULL,
    occurrence    integer NOT NULL,
    claim_number  integer NOT NULL,
    reward_number integer NOT NULL,
    attempts      integer NOT NULL,
    lease_token   integer NOT NULL,
    priority      smallint NOT NULL,
    user_id       text COLLATE "C" NOT NULL,
    goal_id       text COLLATE "C" NOT NULL,
    state         text NOT NULL,
    provider      text COLLATE "C" NOT NULL,
    reward_type   text NOT NULL,
    reward_id     text NOT NULL,
    request_id    text COLLATE "C",
    refusal       text,
    last_error    text,
    CONSTRAINT settled_grant_state_settled CHECK (state IN ('GRANTED', 'REFUSED', 'REFUNDED'))
) PARTITION BY RANGE (settle_time);

COMMENT ON TABLE settled_grant IS 'Settled grants that were moved out of the outbox, by quarters of their settle time. Rows are added and deleted, never changed.';
COMMENT ON COLUMN settled_grant.lease_token IS 'As in the outbox, to which an operator may take the grant back: it never falls.';

-- Serves reads by player and completion, and pages of claims in their order.
CREATE INDEX settled_grant_claim ON settled_grant (user_id, period_start, goal_id, occurrence, claim_number, reward_number);

-- Serve lookups by one value: a hash index has 4 bytes of a key, however long that is. The expression is another one for every
-- other pair of player and request id.
CREATE INDEX settled_grant_request ON settled_grant
USING hash ((((char_length(user_id)::text || '/') || user_id) || request_id)) WHERE request_id IS NOT NULL;
CREATE INDEX settled_grant_id ON settled_grant USING hash (grant_id);

-- Grants that were settled before any release stored rewards, as imports bring them, have a partition that stays.
CREATE TABLE settled_grant_early PARTITION OF settled_grant FOR VALUES FROM (MINVALUE) TO ('2020-01-01 00:00:00+00');

-- One row: since when there is a history, and before which instant it was dropped.
CREATE TABLE grant_history (
    id           boolean NOT NULL DEFAULT true,
    begin_time   timestamptz NOT NULL,
    dropped_until timestamptz,
    CONSTRAINT grant_history_pkey PRIMARY KEY (id),
    CONSTRAINT grant_history_one_row CHECK (id)
);

COMMENT ON COLUMN grant_history.begin_time IS 'When the history was made: processes of the release before may have run then.';
COMMENT ON COLUMN grant_history.dropped_until IS 'Grants that were settled before may be gone, by GRANT_RETENTION_D. Null: none are.';

INSERT INTO grant_history (begin_time) VALUES (database_time());

-- Every claim with its grant, whether it is in the outbox or was moved: the columns of the outbox, and where the row is. A
-- statement sees each row once, because it moves in one transaction.
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

-- Makes the partition of the quarter in which an instant is, if it is missing. True if it was made.
CREATE FUNCTION make_settled_grant_partition(settled timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    first_day date := date_trunc('quarter', settled AT TIME ZONE 'UTC')::date;
    partition text := 'settled_grant_' || to_char(first_day, 'YYYY"q"Q');
    existing regclass := to_regclass(partition);
BEGIN
    IF first_day < date '2020-01-01'
        OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = existing AND inhparent = 'settled_grant'::regclass)
    THEN
        RETURN false;
    END IF;
    IF existing IS NULL THEN
        EXECUTE format(
            'CREATE TABLE %I (LIKE settled_grant INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', partition
        );
    END IF;
    EXECUTE format(
        'ALTER TABLE settled_grant ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition,
        first_day::timestamp AT TIME ZONE 'UTC', (first_day + interval '3 months')::timestamp AT TIME ZONE 'UTC'
    );
    RETURN true;
END
$$;

-- Drops the partitions of all quarters that ended before an instant, which is at least 400 days ago, and returns how many.
CREATE FUNCTION drop_settled_grant_partitions(before timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    last_kept timestamp := least(before, database_time() - interval '400 days') AT TIME ZONE 'UTC';
    partition text;
    dropped integer := 0;
BEGIN
    FOR partition IN
        SELECT child.relname
        FROM pg_inherits
        JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
        WHERE pg_inherits.inhparent = 'settled_grant'::regclass
            AND child.relname ~ '^settled_grant_[0-9]{4}q[1-4]$'
            AND child.relname < 'settled_grant_' || to_char(last_kept, 'YYYY"q"Q')
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
        dropped := dropped + 1;
    END LOOP;
    IF dropped > 0 THEN
        UPDATE grant_history
        SET dropped_until = greatest(dropped_until, date_trunc('quarter', last_kept) AT TIME ZONE 'UTC');
    END IF;
    RETURN dropped;
END
$$;

-- A request id is good for one claim of the player: of those that were moved, too, for 100 days after they were settled. The
-- index of the outbox sees to the others first. A claim that finds its id there while it is moved waits for that, and
-- only then is this looked up, so that none is missed between the two.
CREATE FUNCTION refuse_moved_request() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last_forgotten timestamptz := database_time() - interval '100 days';
BEGIN
    IF EXISTS (
        SELECT FROM settled_grant
        WHERE char_length(user_id)::text || '/' || user_id || request_id
                = char_length(NEW.user_id)::text || '/' || NEW.user_id || NEW.request_id
            AND settle_time > last_forgotten
    ) THEN
        RAISE unique_violation USING
            MESSAGE = 'the request id belongs to another claim',
            TABLE = 'reward_outbox',
            CONSTRAINT = 'reward_outbox_request_id';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER moved_requests_are_known AFTER INSERT ON reward_outbox
FOR EACH ROW WHEN (NEW.request_id IS NOT NULL) EXECUTE FUNCTION refuse_moved_request();

-- As before; claims that were moved are shown as rows of the outbox, into which they can be imported.
CREATE OR REPLACE FUNCTION player_rows(player text) RETURNS TABLE (kind name, content jsonb) LANGUAGE plpgsql STABLE AS $$
BEGIN
    FOR kind IN SELECT player_tables() LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L::name, to_jsonb(stored) - ''moved'' FROM %I AS stored WHERE user_id = $1 ORDER BY stored',
            kind, CASE kind WHEN 'reward_outbox' THEN 'reward_claim' ELSE kind END
        ) USING player;
    END LOOP;
    RETURN QUERY
    SELECT name 'leaderboard_final', to_jsonb(final)
    FROM leaderboard_period AS period
    JOIN leaderboard_final AS final
        ON final.board_id = period.board_id AND final.period_start = period.period_start AND final.user_id = player
    WHERE period.final_time IS NOT NULL
    ORDER BY final.board_id, final.period_start;
    RETURN QUERY
    SELECT name 'event_seen', to_jsonb(seen)
    FROM event_seen AS seen
    WHERE seen.user_id = player AND seen.event_day = ANY (ARRAY (
        SELECT to_date(right(child.relname, 8), 'YYYYMMDD')
        FROM pg_inherits
        JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
        WHERE pg_inherits.inhparent = 'event_seen'::regclass AND child.relname ~ '^event_seen_[0-9]{8}$'
        UNION
        SELECT event_day FROM event_seen_default WHERE event_seen_default.user_id = player
    ))
    ORDER BY seen.event_day, seen.event_hash;
    RETURN QUERY
    SELECT name 'operator_audit', to_jsonb(audit) FROM operator_audit AS audit WHERE user_id = player ORDER BY audit_id;
END
$$;

-- As before, with players of whom nothing but moved grants is stored.
CREATE OR REPLACE FUNCTION player_ids(after text, count_max integer) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
    every text;
BEGIN
    SELECT string_agg(
        format('(SELECT DISTINCT user_id FROM %I WHERE user_id > $1 ORDER BY user_id LIMIT $2)', stored), ' UNION '
    )
    INTO every
    FROM (SELECT player_tables() UNION ALL VALUES (name 'leaderboard_final'), (name 'settled_grant')) AS tables (stored);
    RETURN QUERY EXECUTE every || ' ORDER BY user_id LIMIT $2' USING after, count_max;
END
$$;

-- As before; rows of the outbox that the player has in the history are there already.
CREATE OR REPLACE FUNCTION store_import_rows(target name) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    stored bigint;
BEGIN
    IF target = 'reward_outbox' THEN
        DELETE FROM pg_temp.import_row AS row
        USING settled_grant AS settled
        WHERE settled.user_id = row.user_id
            AND settled.period_start = row.period_start
            AND settled.goal_id = row.goal_id
            AND settled.occurrence = row.occurrence
            AND settled.claim_number = row.claim_number
            AND settled.reward_number = row.reward_number;
    END IF;
    EXECUTE format('INSERT INTO %I SELECT * FROM pg_temp.import_row ON CONFLICT DO NOTHING', target);
    GET DIAGNOSTICS stored = ROW_COUNT;
    RETURN stored;
END
$$;

-- As before, with moved grants. They are looked for after the player's rows of the outbox are locked: none is moved since.
CREATE OR REPLACE FUNCTION erase_player(player text, pseudonym text, act_time timestamptz, operator text, reason text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    counts jsonb := '{}';
    touched bigint;
    stored name;
BEGIN
    IF pseudonym IS NULL OR pseudonym !~ '^erased-[0-9a-f]{16}$' THEN
        RAISE EXCEPTION USING ERRCODE = '22C02', MESSAGE = 'a pseudonym is "erased-" and 16 hexadecimal digits';
    END IF;
    IF player IS NULL OR operator IS NULL OR reason IS NULL OR reason = '' THEN
        RAISE EXCEPTION USING ERRCODE = '22C02', MESSAGE = 'an erasure has a player, an operator and a reason';
    END IF;
    -- The lock of lock_leaderboard_periods.
    PERFORM pg_advisory_xact_lock(1667785068, 3);
    FOR stored IN SELECT player_tables() LOOP
        IF stored = 'reward_outbox' THEN
            PERFORM FROM reward_outbox WHERE user_id = player FOR UPDATE;
            IF EXISTS (SELECT FROM reward_outbox WHERE user_id = player AND state IN ('PENDING', 'DELIVERING')) THEN
                RAISE EXCEPTION USING ERRCODE = '22C01', MESSAGE = 'a grant may still be delivered';
            END IF;
            UPDATE reward_audit AS audit
            SET reason = replace(audit.reason, player, pseudonym)
            FROM reward_claim AS claim
            WHERE claim.user_id = player AND audit.grant_id = claim.grant_id;
            DELETE FROM settled_grant WHERE user_id = player;
            GET DIAGNOSTICS touched = ROW_COUNT;
            IF touched > 0 THEN
                counts := counts || jsonb_build_object('settled_grant', touched);
            END IF;
        END IF;
        EXECUTE format('DELETE FROM %I WHERE user_id = $1', stored) USING player;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched > 0 THEN
            counts := counts || jsonb_build_object(stored, touched);
        END IF;
    END LOOP;
    UPDATE leaderboard_final AS final
    SET user_id = pseudonym
    FROM leaderboard_period AS period
    WHERE period.final_time IS NOT NULL
        AND final.board_id = period.board_id
        AND final.period_start = period.period_start
        AND final.user_id = player;
    GET DIAGNOSTICS touched = ROW_COUNT;
    counts := counts || jsonb_build_object('leaderboard_final', touched);
    UPDATE leaderboard_journal SET user_ids = array_remove(user_ids, player) WHERE player = ANY (user_ids);
    UPDATE operator_audit AS audit
    SET
        user_id = pseudonym,
        reason = replace(audit.reason, player, pseudonym),
        details = replace(audit.details::text, to_json(player)::text, to_json(pseudonym)::text)::jsonb
    WHERE audit.user_id = player;
    GET DIAGNOSTICS touched = ROW_COUNT;
    counts := counts || jsonb_build_object('operator_audit', touched);
    INSERT INTO operator_audit (act_time, operator, kind, user_id, reason, details)
    VALUES (act_time, operator, 'player erase', pseudonym, replace(reason, player, pseudonym), counts);
    RETURN counts;
END
$$;

-- A function that is replaced keeps its owner and who may execute it, and loses the rest.
DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'make_settled_grant_partition(timestamptz)', 'drop_settled_grant_partitions(timestamptz)',
        'erase_player(text, text, timestamptz, text, text)'
    ]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', signature, current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
    END LOOP;
END
$$;
