DROP TRIGGER note_ranking_change ON leaderboard_journal;
DROP FUNCTION note_ranking_change();
DROP TRIGGER keep_buckets_of_added ON leaderboard_ranking;
DROP TRIGGER keep_buckets_of_removed ON leaderboard_ranking;
DROP TRIGGER keep_buckets_of_moved ON leaderboard_ranking;
DROP FUNCTION keep_leaderboard_buckets();
DROP FUNCTION count_leaderboard_players(text[], timestamptz[], bigint[], timestamptz[], text[], integer[]);
DROP FUNCTION balance_leaderboard_bucket(bigint);
DROP FUNCTION widen_leaderboard_bucket(bigint);
DROP VIEW leaderboard_mark;
ALTER INDEX leaderboard_ranking_order RENAME TO leaderboard_ranked_order;
ALTER INDEX leaderboard_ranking_pkey RENAME TO leaderboard_ranked_pkey;
ALTER TABLE leaderboard_ranking RENAME TO leaderboard_ranked;

-- A ranking that is not final yet begins again.
DELETE FROM leaderboard_final AS final
USING ranking_finish AS finish
WHERE final.board_id = finish.board_id AND final.period_start = finish.period_start;
DELETE FROM ranking_finish;

CREATE MATERIALIZED VIEW leaderboard_ranking AS
SELECT
    board_id, period_start, user_id, score, reached_time,
    CASE WHEN ascending THEN score ELSE -score END AS sort_score
FROM leaderboard_score
WHERE in_use;

CREATE UNIQUE INDEX leaderboard_ranking_order ON leaderboard_ranking (
    board_id, period_start, sort_score, reached_time, user_id
);

CREATE UNIQUE INDEX leaderboard_ranking_player ON leaderboard_ranking (board_id, period_start, user_id);

CREATE MATERIALIZED VIEW leaderboard_mark AS
SELECT board_id, period_start, sort_score, reached_time, user_id, place
FROM (
    SELECT
        board_id, period_start, sort_score, reached_time, user_id,
        row_number() OVER in_order AS place,
        lead(user_id) OVER in_order IS NULL AS is_last
    FROM leaderboard_ranking
    WINDOW in_order AS (PARTITION BY board_id, period_start ORDER BY sort_score, reached_time, user_id)
) AS ranked
WHERE place % 100 = 1 OR is_last;

CREATE UNIQUE INDEX leaderboard_mark_place ON leaderboard_mark (board_id, period_start, place);

CREATE UNIQUE INDEX leaderboard_mark_order ON leaderboard_mark (
    board_id, period_start, sort_score, reached_time, user_id
);

CREATE OR REPLACE FUNCTION leaderboard_place(board text, period timestamptz, key_score bigint, key_time timestamptz, key_id text)
RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    mark record;
BEGIN
    SELECT place, sort_score, reached_time, user_id INTO mark
    FROM leaderboard_mark
    WHERE board_id = board AND period_start = period AND (sort_score, reached_time, user_id) <= (key_score, key_time, key_id)
    ORDER BY sort_score DESC, reached_time DESC, user_id DESC
    LIMIT 1;
    IF NOT found THEN
        RETURN 1;
    END IF;
    RETURN mark.place + (
        SELECT count(*)
        FROM (
            SELECT
            FROM leaderboard_ranking
            WHERE board_id = board AND period_start = period
                AND (sort_score, reached_time, user_id) >= (mark.sort_score, mark.reached_time, mark.user_id)
                AND (sort_score, reached_time, user_id) < (key_score, key_time, key_id)
            ORDER BY sort_score, reached_time, user_id
            LIMIT 100
        ) AS between_them
    );
END
$$;

CREATE OR REPLACE FUNCTION refresh_leaderboard_ranking() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY leaderboard_ranking;
END
$$;

CREATE OR REPLACE FUNCTION refresh_leaderboard_mark() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY leaderboard_mark;
END
$$;

CREATE OR REPLACE FUNCTION analyze_leaderboard_mark() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    ANALYZE leaderboard_mark;
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
        'erase_player(text, text, timestamptz, text, text)', 'refresh_leaderboard_ranking()', 'refresh_leaderboard_mark()',
        'analyze_leaderboard_mark()'
    ]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', signature, current_schema());
    END LOOP;
END
$$;

ALTER TABLE leaderboard DROP COLUMN notes_epoch;
