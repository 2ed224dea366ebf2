-- Grants that were moved return to the outbox, where the release before looks for them. This takes about 20 s for a million,
-- and calls that need the outbox wait for the end of it.
DROP VIEW reward_claim;
DROP TRIGGER moved_requests_are_known ON reward_outbox;
DROP FUNCTION refuse_moved_request();
LOCK TABLE settled_grant IN ACCESS EXCLUSIVE MODE;

-- The newest claim keeps a request id that was used again after it was forgotten.
INSERT INTO reward_outbox (
    user_id, goal_id, period_start, occurrence, claim_number, reward_number, grant_id, request_id, state, provider,
    reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time, settle_time, refusal, last_error
)
SELECT
    user_id, goal_id, period_start, occurrence, claim_number, reward_number, grant_id,
    CASE
        WHEN row_number() OVER (PARTITION BY user_id, request_id ORDER BY create_time DESC) = 1
            AND NOT EXISTS (
                SELECT FROM reward_outbox AS other
                WHERE other.user_id = settled.user_id AND other.request_id = settled.request_id
            )
        THEN request_id
    END,
    state, provider, reward_type, reward_id, quantity, priority, attempts, lease_token, create_time, create_time, settle_time,
    refusal, last_error
FROM settled_grant AS settled;

CREATE OR REPLACE FUNCTION player_rows(player text) RETURNS TABLE (kind name, content jsonb) LANGUAGE plpgsql STABLE AS $$
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

CREATE OR REPLACE FUNCTION player_ids(after text, count_max integer) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
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

CREATE OR REPLACE FUNCTION store_import_rows(target name) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    stored bigint;
BEGIN
    EXECUTE format('INSERT INTO %I SELECT * FROM pg_temp.import_row ON CONFLICT DO NOTHING', target);
    GET DIAGNOSTICS stored = ROW_COUNT;
    RETURN stored;
END
$$;

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

ALTER FUNCTION erase_player(text, text, timestamptz, text, text) SECURITY DEFINER;
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION erase_player(text, text, timestamptz, text, text) SET search_path = %I, pg_temp', current_schema()
    );
END
$$;

DROP FUNCTION drop_settled_grant_partitions(timestamptz);
DROP FUNCTION make_settled_grant_partition(timestamptz);
DROP TABLE grant_history;
DROP TABLE settled_grant;
