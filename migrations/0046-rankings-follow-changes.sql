-- depends: 0045-stored-rankings
--
-- Puts the tables of rankings in the place of the views, and lets the database count what is in them. Processes of the release
-- before read and refresh them as they did the views.

ALTER TABLE leaderboard ADD COLUMN notes_epoch bigint NOT NULL DEFAULT 1;

COMMENT ON COLUMN leaderboard.notes_epoch IS
    'Rises when ranking_change may have missed a change of its scores: its rankings are swept again.';

DROP MATERIALIZED VIEW leaderboard_mark;
DROP MATERIALIZED VIEW leaderboard_ranking;
ALTER TABLE leaderboard_ranked RENAME TO leaderboard_ranking;
ALTER INDEX leaderboard_ranked_pkey RENAME TO leaderboard_ranking_pkey;
ALTER INDEX leaderboard_ranked_order RENAME TO leaderboard_ranking_order;

-- Joins a bucket to the one before it; the first one of a ranking stays.
CREATE FUNCTION widen_leaderboard_bucket(narrow bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    gone leaderboard_bucket;
    wide bigint;
BEGIN
    SELECT * INTO gone FROM leaderboard_bucket WHERE bucket_id = narrow;
    SELECT bucket_id INTO wide
    FROM leaderboard_bucket
    WHERE board_id = gone.board_id
        AND period_start = gone.period_start
        AND (first_score, first_time, first_id) < (gone.first_score, gone.first_time, gone.first_id)
    ORDER BY first_score DESC, first_time DESC, first_id DESC
    LIMIT 1;
    IF found THEN
        UPDATE leaderboard_bucket SET players = players + gone.players WHERE bucket_id = wide;
        DELETE FROM leaderboard_bucket WHERE bucket_id = narrow;
    END IF;
END
$$;

-- Divides a bucket that has become too large, and joins one that has become too small to the one before it. Buckets grow with
-- the root of the ranking, so that to count them and to count within one of them costs the same.
CREATE FUNCTION balance_leaderboard_bucket(changed bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    bucket leaderboard_bucket;
    following leaderboard_bucket;
    before bigint;
    size_max bigint := 1000;
    width bigint;
BEGIN
    SELECT * INTO bucket FROM leaderboard_bucket WHERE bucket_id = changed;
    IF NOT found THEN
        RETURN;
    END IF;
    IF bucket.players > size_max THEN
        SELECT greatest(size_max, 2 * sqrt(sum(players))::bigint) INTO size_max
        FROM leaderboard_bucket
        WHERE board_id = bucket.board_id AND period_start = bucket.period_start;
    END IF;
    IF bucket.players > size_max THEN
        width := size_max / 2;
        SELECT * INTO following
        FROM leaderboard_bucket
        WHERE board_id = bucket.board_id
            AND period_start = bucket.period_start
            AND (first_score, first_time, first_id) > (bucket.first_score, bucket.first_time, bucket.first_id)
        ORDER BY first_score, first_time, first_id
        LIMIT 1;
        INSERT INTO leaderboard_bucket (board_id, period_start, first_score, first_time, first_id, players)
        SELECT
            bucket.board_id, bucket.period_start, sort_score, reached_time, user_id, least(width, bucket.players - earlier)
        FROM (
            SELECT
                sort_score, reached_time, user_id,
                row_number() OVER (ORDER BY sort_score, reached_time, user_id) - 1 AS earlier
            FROM leaderboard_ranking
            WHERE board_id = bucket.board_id
                AND period_start = bucket.period_start
                AND (sort_score, reached_time, user_id) >= (bucket.first_score, bucket.first_time, bucket.first_id)
                AND (sort_score, reached_time, user_id) < (
                    coalesce(following.first_score, 9223372036854775807),
                    coalesce(following.first_time, 'infinity'),
                    coalesce(following.first_id, '')
                )
        ) AS placed
        WHERE earlier > 0 AND earlier % width = 0;
        UPDATE leaderboard_bucket SET players = width WHERE bucket_id = changed;
    ELSIF bucket.players < 125 THEN
        SELECT players INTO before
        FROM leaderboard_bucket
        WHERE board_id = bucket.board_id
            AND period_start = bucket.period_start
            AND (first_score, first_time, first_id) < (bucket.first_score, bucket.first_time, bucket.first_id)
        ORDER BY first_score DESC, first_time DESC, first_id DESC
        LIMIT 1;
        IF bucket.players = 0 OR before + bucket.players <= 500 THEN
            PERFORM widen_leaderboard_bucket(changed);
        END IF;
    END IF;
END
$$;

-- Counts players into and out of the buckets that they are in.
CREATE FUNCTION count_leaderboard_players(
    boards text[], periods timestamptz[], scores bigint[], times timestamptz[], ids text[], signs integer[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changed bigint[];
    each bigint;
BEGIN
    WITH shift AS (
        SELECT found.bucket_id, sum(moved.sign) AS players
        FROM unnest(boards, periods, scores, times, ids, signs) AS moved (board_id, period_start, score, reached, id, sign)
        CROSS JOIN LATERAL (
            SELECT bucket.bucket_id
            FROM leaderboard_bucket AS bucket
            WHERE bucket.board_id = moved.board_id
                AND bucket.period_start = moved.period_start
                AND (first_score, first_time, first_id) <= (moved.score, moved.reached, moved.id)
            ORDER BY first_score DESC, first_time DESC, first_id DESC
            LIMIT 1
        ) AS found
        GROUP BY found.bucket_id
        HAVING sum(moved.sign) <> 0
    ),
    shifted AS (
        UPDATE leaderboard_bucket AS bucket
        SET players = bucket.players + shift.players
        FROM shift
        WHERE bucket.bucket_id = shift.bucket_id
        RETURNING bucket.bucket_id, bucket.players
    )
    SELECT array_agg(bucket_id) INTO changed FROM shifted WHERE players < 125 OR players > 1000;
    FOREACH each IN ARRAY coalesce(changed, '{}') LOOP
        PERFORM balance_leaderboard_bucket(each);
    END LOOP;
END
$$;

-- Keeps the counts of buckets, whoever changes a ranking. After each statement they are exact, so one statement must not
-- change rankings in several ways.
CREATE FUNCTION keep_leaderboard_buckets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM count_leaderboard_players(
            array_agg(board_id), array_agg(period_start), array_agg(sort_score), array_agg(reached_time), array_agg(user_id),
            array_agg(1)
        )
        FROM added;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM count_leaderboard_players(
            array_agg(board_id), array_agg(period_start), array_agg(sort_score), array_agg(reached_time), array_agg(user_id),
            array_agg(-1)
        )
        FROM removed;
    ELSE
        PERFORM count_leaderboard_players(
            array_agg(board_id), array_agg(period_start), array_agg(sort_score), array_agg(reached_time), array_agg(user_id),
            array_agg(sign)
        )
        FROM (SELECT *, -1 AS sign FROM removed UNION ALL SELECT *, 1 FROM added) AS moved;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER keep_buckets_of_added AFTER INSERT ON leaderboard_ranking
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION keep_leaderboard_buckets();

CREATE TRIGGER keep_buckets_of_removed AFTER DELETE ON leaderboard_ranking
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION keep_leaderboard_buckets();

CREATE TRIGGER keep_buckets_of_moved AFTER UPDATE ON leaderboard_ranking
REFERENCING OLD TABLE AS removed NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION keep_leaderboard_buckets();

-- As before, but counted from the bucket.
CREATE OR REPLACE FUNCTION leaderboard_place(
    board text, period timestamptz, key_score bigint, key_time timestamptz, key_id text
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    bucket leaderboard_bucket;
BEGIN
    SELECT * INTO bucket
    FROM leaderboard_bucket
    WHERE board_id = board AND period_start = period AND (first_score, first_time, first_id) <= (key_score, key_time, key_id)
    ORDER BY first_score DESC, first_time DESC, first_id DESC
    LIMIT 1;
    IF NOT found THEN
        RETURN 1;
    END IF;
    RETURN 1 + (
        SELECT coalesce(sum(players), 0)
        FROM leaderboard_bucket
        WHERE board_id = board AND period_start = period
            AND (first_score, first_time, first_id) < (bucket.first_score, bucket.first_time, bucket.first_id)
    ) + (
        SELECT count(*)
        FROM (
            SELECT
            FROM leaderboard_ranking
            WHERE board_id = board AND period_start = period
                AND (sort_score, reached_time, user_id) >= (bucket.first_score, bucket.first_time, bucket.first_id)
                AND (sort_score, reached_time, user_id) < (key_score, key_time, key_id)
            ORDER BY sort_score, reached_time, user_id
            -- There never are more. The planner expects a part of the ranking, and would begin to read it in parallel.
            LIMIT bucket.players
        ) AS between_them
    );
END
$$;

-- For the release before: places of some players, and the last one.
CREATE VIEW leaderboard_mark AS
SELECT board_id, period_start, first_score AS sort_score, first_time AS reached_time, first_id AS user_id, place
FROM (
    SELECT
        board_id, period_start, first_score, first_time, first_id, players,
        (
            1 + sum(players) OVER (PARTITION BY board_id, period_start ORDER BY first_score, first_time, first_id) - players
        )::bigint AS place
    FROM leaderboard_bucket
) AS placed
WHERE players > 0
UNION ALL
SELECT size.board_id, size.period_start, last.sort_score, last.reached_time, last.user_id, size.players
FROM (
    SELECT board_id, period_start, sum(players)::bigint AS players
    FROM leaderboard_bucket
    GROUP BY board_id, period_start
    HAVING sum(players) > 0
) AS size
CROSS JOIN LATERAL (
    SELECT sort_score, reached_time, user_id
    FROM leaderboard_ranking AS ranked
    WHERE ranked.board_id = size.board_id AND ranked.period_start = size.period_start
    ORDER BY sort_score DESC, reached_time DESC, user_id DESC
    LIMIT 1
) AS last;

-- For the release before: brings all open rankings up to date at once. The planner takes them for small.
CREATE OR REPLACE FUNCTION refresh_leaderboard_ranking() RETURNS void LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    WITH begun AS (
        INSERT INTO ranking_state (board_id, period_start)
        SELECT period.board_id, period.period_start
        FROM leaderboard_period AS period
        JOIN leaderboard AS board ON board.board_id = period.board_id
        WHERE period.final_time IS NULL AND board.in_use
        ON CONFLICT DO NOTHING
        RETURNING board_id, period_start
    )
    INSERT INTO leaderboard_bucket (board_id, period_start, first_score, first_time, first_id, players)
    SELECT board_id, period_start, -9223372036854775808, '-infinity', '', 0
    FROM begun;
    DELETE FROM leaderboard_ranking AS ranked
    USING ranking_state AS state
    WHERE state.board_id = ranked.board_id
        AND state.period_start = ranked.period_start
        AND state.phase = 'open'
        AND NOT EXISTS (
            SELECT
            FROM leaderboard_score AS scored
            WHERE scored.in_use
                AND scored.board_id = ranked.board_id
                AND scored.period_start = ranked.period_start
                AND scored.user_id = ranked.user_id
                AND scored.score = ranked.score
                AND scored.reached_time = ranked.reached_time
        );
    INSERT INTO leaderboard_ranking (board_id, period_start, user_id, score, reached_time, sort_score)
    SELECT
        scored.board_id, scored.period_start, scored.user_id, scored.score, scored.reached_time,
        CASE WHEN scored.ascending THEN scored.score ELSE -scored.score END
    FROM leaderboard_score AS scored
    JOIN ranking_state AS state ON state.board_id = scored.board_id AND state.period_start = scored.period_start
    WHERE scored.in_use AND state.phase = 'open'
    ON CONFLICT DO NOTHING;
END
$$;

-- For the release before: places need no refresh any more.
CREATE OR REPLACE FUNCTION refresh_leaderboard_mark() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
END
$$;

CREATE OR REPLACE FUNCTION analyze_leaderboard_mark() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    ANALYZE leaderboard_bucket;
END
$$;

-- As before, but it waits for the step of a duty that changes rankings in the database, and a ranking that is being made final
-- has the pseudonym where it has places already.
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

-- Every entry of the journal is one for the rankings in the database, whichever release writes it. Last, because writers wait
-- from here to the end.
CREATE FUNCTION note_ranking_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ranking_change (user_ids, players) VALUES (NEW.user_ids, cardinality(NEW.user_ids));
    RETURN NULL;
END
$$;

CREATE TRIGGER note_ranking_change AFTER INSERT ON leaderboard_journal
FOR EACH ROW EXECUTE FUNCTION note_ranking_change();
