-- depends: 0036-audit-retention
--
-- What audits say, and for how long, does not depend on what a writer claims: the database notes when a row came in, and
-- who imported it. And a player who was erased does not return by an import that is repeated.

-- Adjustments that came with an import name who imported them, beside the operator of the system that they come from.
ALTER TABLE points_adjustment ADD COLUMN imported_by text;
COMMENT ON COLUMN points_adjustment.imported_by IS 'The operator who imported it: the column operator is what the import says. Null if it was made here.';

-- When a row was written, by the clock of the database.
ALTER TABLE operator_audit ADD COLUMN record_time timestamptz;
ALTER TABLE reward_audit ADD COLUMN record_time timestamptz;
COMMENT ON COLUMN operator_audit.record_time IS 'When the row was written, by the clock of the database; null for rows before this column.';
COMMENT ON COLUMN reward_audit.record_time IS 'When the row was written, by the clock of the database; null for rows before this column.';

CREATE FUNCTION stamp_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.record_time := database_time();
    RETURN NEW;
END
$$;

CREATE TRIGGER operator_audit_is_stamped BEFORE INSERT ON operator_audit FOR EACH ROW EXECUTE FUNCTION stamp_audit();
CREATE TRIGGER reward_audit_is_stamped BEFORE INSERT ON reward_audit FOR EACH ROW EXECUTE FUNCTION stamp_audit();

-- An adjustment that is imported is no act of the operator whom the import names: that name is data.
CREATE OR REPLACE FUNCTION copy_points_adjustment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.imported_by IS NULL THEN
        INSERT INTO operator_audit (act_time, operator, kind, user_id, reason, details)
        VALUES (
            NEW.adjust_time, NEW.operator, 'points adjust', NEW.user_id, NEW.reason,
            jsonb_build_object('adjustment_id', NEW.adjustment_id, 'points', NEW.points)
        );
    ELSE
        INSERT INTO operator_audit (act_time, operator, kind, user_id, details)
        VALUES (
            database_time(), NEW.imported_by, 'player import', NEW.user_id,
            jsonb_build_object(
                'adjustment_id', NEW.adjustment_id, 'points', NEW.points,
                'imported', jsonb_build_object('operator', NEW.operator, 'time', NEW.adjust_time)
            )
        );
    END IF;
    RETURN NULL;
END
$$;

-- Imports of players who were erased since, by keyed hashes: repeating such an import does not bring them back.
CREATE TABLE erased_import (
    import_name text COLLATE "C" NOT NULL,
    player_hash text COLLATE "C" NOT NULL,
    key_hash    text COLLATE "C" NOT NULL,
    CONSTRAINT erased_import_pkey PRIMARY KEY (import_name, player_hash),
    CONSTRAINT erased_import_holds_hashes CHECK (player_hash ~ '^[0-9a-f]{64}$' AND key_hash ~ '^[0-9a-f]{64}$')
);

COMMENT ON COLUMN erased_import.player_hash IS 'As in the list of erased players, which is kept outside: without its key it tells nothing.';
COMMENT ON COLUMN erased_import.key_hash IS 'The hash of the empty text under the same key, by which another key is noticed.';

-- The columns of tables of players, with their defaults as text.
CREATE FUNCTION player_columns()
RETURNS TABLE (stored text, attname text, kind text, nullable boolean, preset text) LANGUAGE plpgsql STABLE AS $$
DECLARE
    expression text;
BEGIN
    FOR stored, attname, kind, nullable, expression IN
        SELECT
            tables.name, attribute.attname, format_type(attribute.atttypid, NULL), NOT attribute.attnotnull,
            pg_get_expr(adbin, adrelid)
        FROM player_tables() WITH ORDINALITY AS tables (name, place)
        JOIN pg_attribute AS attribute
            ON attribute.attrelid = to_regclass(quote_ident(tables.name))
            AND attribute.attnum > 0
            AND NOT attribute.attisdropped
        LEFT JOIN pg_attrdef ON adrelid = attribute.attrelid AND adnum = attribute.attnum
        ORDER BY tables.place, attribute.attnum
    LOOP
        preset := NULL;
        IF expression IS NOT NULL THEN
            EXECUTE format('SELECT (%s)::text', expression) INTO preset;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- Makes the temporary table import_row, with the columns of a table of players.
CREATE FUNCTION stage_import_rows(target name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('pg_temp.import_row') IS NOT NULL THEN
        DROP TABLE pg_temp.import_row;
    END IF;
    EXECUTE format('CREATE TEMPORARY TABLE import_row (LIKE %I) ON COMMIT DROP', target);
END
$$;

-- Stores the rows of import_row in the table that it is like. Rows that are there already stay. Returns how many were stored.
CREATE FUNCTION store_import_rows(target name) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    stored bigint;
BEGIN
    EXECUTE format('INSERT INTO %I SELECT * FROM pg_temp.import_row ON CONFLICT DO NOTHING', target);
    GET DIAGNOSTICS stored = ROW_COUNT;
    RETURN stored;
END
$$;

-- As before, but the age of a row is judged by when it was written, by the clock of the database.
CREATE OR REPLACE FUNCTION delete_old_audits(before timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last_kept timestamptz := least(before, database_time() - interval '400 days');
    deleted bigint;
    further bigint;
BEGIN
    DELETE FROM operator_audit
    WHERE audit_id = ANY (ARRAY (
        SELECT audit_id
        FROM operator_audit
        WHERE coalesce(record_time, act_time) < last_kept
        ORDER BY audit_id
        LIMIT 1000
    ));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    DELETE FROM reward_audit
    WHERE audit_id = ANY (ARRAY (
        SELECT audit_id
        FROM reward_audit
        WHERE coalesce(record_time, act_time) < last_kept
        ORDER BY audit_id
        LIMIT 1000
    ));
    GET DIAGNOSTICS further = ROW_COUNT;
    RETURN deleted + further;
END
$$;

-- As before, but only under a pseudonym that was drawn, and never beside a transaction that makes a ranking final: it may
-- have read the player's score, and writes it when it ends.
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
            FROM reward_outbox AS outbox
            WHERE outbox.user_id = player AND audit.grant_id = outbox.grant_id;
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
        'delete_old_audits(timestamptz)', 'erase_player(text, text, timestamptz, text, text)'
    ]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', signature, current_schema());
    END LOOP;
END
$$;
