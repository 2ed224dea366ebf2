-- depends: 0046-rankings-follow-changes
--
-- As before, with audits of grants that were deleted or dropped since: the copies of the same acts in the other audit tell whose
-- they were.
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
    -- The locks of lock_leaderboard_periods and lock_ranking_refresh, in the order in which all take them.
    PERFORM pg_advisory_xact_lock(1667785068, 3);
    PERFORM pg_advisory_xact_lock(1667785068, 4);
    FOR stored IN SELECT player_tables() LOOP
        IF stored = 'reward_outbox' THEN
            PERFORM FROM reward_outbox WHERE user_id = player FOR UPDATE;
            IF EXISTS (SELECT FROM reward_outbox WHERE user_id = player AND state IN ('PENDING', 'DELIVERING')) THEN
                RAISE EXCEPTION USING ERRCODE = '22C01', MESSAGE = 'a grant may still be delivered';
            END IF;
            UPDATE reward_audit AS audit
            SET reason = replace(audit.reason, player, pseudonym)
            WHERE audit.grant_id IN (
                SELECT grant_id FROM reward_claim WHERE user_id = player
                UNION
                SELECT CASE WHEN details ->> 'grant_id' ~ '^[0-9a-f-]{36}$' THEN (details ->> 'grant_id')::uuid END
                FROM operator_audit
                WHERE user_id = player AND kind LIKE 'rewards %'
            );
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
    WHERE final.board_id = period.board_id
        AND final.period_start = period.period_start
        AND final.user_id = player;
    GET DIAGNOSTICS touched = ROW_COUNT;
    counts := counts || jsonb_build_object('leaderboard_final', touched);
    UPDATE leaderboard_journal SET user_ids = array_remove(user_ids, player) WHERE player = ANY (user_ids);
    UPDATE ranking_change SET user_ids = array_remove(user_ids, player) WHERE player = ANY (user_ids);
    PERFORM widen_leaderboard_bucket(bucket_id) FROM leaderboard_bucket WHERE first_id = player;
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
BEGIN
    EXECUTE format(
        'ALTER FUNCTION erase_player(text, text, timestamptz, text, text) SECURITY DEFINER SET search_path = %I, pg_temp',
        current_schema()
    );
END
$$;
