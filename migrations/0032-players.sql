-- depends: 0031-player-attributes
--
-- Everything of one player: read, exported, and erased. The functions find the tables by their column user_id, so that a table
-- of a later release is covered without another version of them. Tables that name players otherwise are listed.

-- Players who were erased, until no late event of theirs is accepted any more.
CREATE TABLE player_tombstone (
    user_id    text COLLATE "C" NOT NULL,
    erase_time timestamptz NOT NULL,
    until_time timestamptz NOT NULL,
    CONSTRAINT player_tombstone_pkey PRIMARY KEY (user_id)
);

COMMENT ON COLUMN player_tombstone.until_time IS 'The horizon and two days later: the ledger has forgotten the player by then, too.';

-- Players of an import that are done, so that it can be repeated.
CREATE TABLE player_import (
    user_id     text COLLATE "C" NOT NULL,
    import_name text COLLATE "C" NOT NULL,
    CONSTRAINT player_import_pkey PRIMARY KEY (user_id, import_name)
);

-- The tables whose rows belong to a player, in the order in which transactions lock them; others follow.
CREATE FUNCTION player_tables() RETURNS SETOF name LANGUAGE sql STABLE AS $$
    SELECT class.relname
    FROM pg_class AS class
    JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
    WHERE class.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tally'::regclass)
        AND class.relkind = 'r'
        AND NOT class.relispartition
        AND attribute.attname = 'user_id'
        AND NOT attribute.attisdropped
        AND class.relname NOT IN ('leaderboard_final', 'operator_audit', 'player_tombstone')
    ORDER BY
        array_position(
            ARRAY['player', 'selection', 'distinct_value', 'tally', 'assignment', 'completion', 'reopened_completion']::name[],
            class.relname
        ) NULLS LAST,
        -- Standings are locked last.
        class.relname = 'standing',
        class.relname
$$;

-- Returns everything that is stored of a player: the table, and each row as JSON.
CREATE FUNCTION player_rows(player text) RETURNS TABLE (kind name, content jsonb) LANGUAGE plpgsql STABLE AS $$
BEGIN
    FOR kind IN SELECT player_tables() LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L::name, to_jsonb(stored) FROM %I AS stored WHERE user_id = $1 ORDER BY stored', kind, kind
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

-- Returns a page of the players of whom anything is stored, after the last one of the previous page.
CREATE FUNCTION player_ids(after text, count_max integer) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
    every text;
BEGIN
    SELECT string_agg(
        format('(SELECT DISTINCT user_id FROM %I WHERE user_id > $1 ORDER BY user_id LIMIT $2)', stored), ' UNION '
    )
    INTO every
    FROM (SELECT player_tables() UNION ALL VALUES (name 'leaderboard_final')) AS tables (stored);
    RETURN QUERY EXECUTE every || ' ORDER BY user_id LIMIT $2' USING after, count_max;
END
$$;

-- Deletes everything of a player, puts the pseudonym in the place of the player in final rankings and audits, and returns the
-- number of rows by table. An error with the SQLSTATE 22C01 if a grant of the player may still be delivered. The ledger's rows
-- go with their days. Writes the audit itself, with the rights of the owner, which alone may change audits.
CREATE FUNCTION erase_player(player text, pseudonym text, act_time timestamptz, operator text, reason text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    counts jsonb := '{}';
    touched bigint;
    stored name;
BEGIN
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

DO $$
DECLARE
    signature text := 'erase_player(text, text, timestamptz, text, text)';
    role text;
BEGIN
    EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', signature, current_schema());
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'challenge_service') THEN
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM challenge_service', signature);
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'challenge_operator') THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO challenge_operator', signature);
    END IF;
END
$$;
