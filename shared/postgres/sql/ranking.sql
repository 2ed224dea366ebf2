-- name: read_ranking_from
-- So many players from a place on, as of the last refresh. A single row without a player where the board ends before, no
-- row while the ranking was never refreshed.
WITH mark AS (
    SELECT place, sort_score, reached_time, user_id
    FROM leaderboard_mark
    WHERE board_id = $1
        AND period_start = timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
        AND place <= $3::bigint
    ORDER BY place DESC
    LIMIT 1
),
stretch AS (
    SELECT
        ranked.user_id, ranked.score, ranked.reached_time, ranked.sort_score,
        $3::bigint - 1 + row_number() OVER in_order AS place,
        first_value(ranked.sort_score) OVER in_order AS best
    FROM mark
    CROSS JOIN LATERAL (
        SELECT user_id, score, reached_time, sort_score
        FROM leaderboard_ranking
        WHERE board_id = $1
            AND period_start = timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
            AND (sort_score, reached_time, user_id) >= (mark.sort_score, mark.reached_time, mark.user_id)
        ORDER BY sort_score, reached_time, user_id
        OFFSET $3::bigint - mark.place
        LIMIT $4::bigint
    ) AS ranked
    WINDOW in_order AS (ORDER BY ranked.sort_score, ranked.reached_time, ranked.user_id)
),
-- Only the first score of the stretch may have players before it. Materialized: else it is counted for each row.
head AS MATERIALIZED (
    SELECT best, leaderboard_place(
        $1, timestamptz 'epoch' + $2::bigint * interval '1 microsecond', best, '-infinity', ''
    ) AS place
    FROM stretch
    LIMIT 1
)
SELECT
    refresh.fresh_at,
    coalesce((
        SELECT max(place)
        FROM leaderboard_mark
        WHERE board_id = $1 AND period_start = timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
    ), 0),
    stretch.user_id, stretch.score, stretch.reached_time, stretch.place,
    CASE WHEN stretch.sort_score = head.best THEN head.place
        ELSE min(stretch.place) OVER (PARTITION BY stretch.sort_score)
    END
FROM leaderboard_refresh AS refresh
LEFT JOIN (stretch CROSS JOIN head) ON true
ORDER BY stretch.place;

-- name: read_ranking_of_players
-- Those of these players who are ranked, as of the last refresh. Rows without a player as in read_ranking_from.
SELECT
    refresh.fresh_at,
    coalesce((
        SELECT max(place)
        FROM leaderboard_mark
        WHERE board_id = $1 AND period_start = timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
    ), 0),
    ranked.user_id, ranked.score, ranked.reached_time, ranked.place, ranked.shared_rank
FROM leaderboard_refresh AS refresh
LEFT JOIN LATERAL (
    SELECT
        user_id, score, reached_time,
        leaderboard_place(board_id, period_start, sort_score, reached_time, user_id) AS place,
        leaderboard_place(board_id, period_start, sort_score, '-infinity', '') AS shared_rank
    FROM leaderboard_ranking
    WHERE board_id = $1
        AND period_start = timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
        AND user_id = ANY ($3::text[])
) AS ranked ON true
ORDER BY ranked.place;

-- name: lock_ranking_refresh
-- Whether this transaction is the one that refreshes the ranking now; the lock ends with it.
SELECT pg_try_advisory_xact_lock(1667785068, 4);

-- name: read_ranking_refresh
-- How many changes of scores Postgres has counted, a hash of what is to be ranked, and what was so at the last refresh:
-- when it was, the changes, the hash and how long it took.
SELECT
    (
        SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint
        FROM pg_stat_user_tables
        WHERE relid IN ('tally'::regclass, 'standing'::regclass)
    ),
    (
        SELECT md5(coalesce(
            string_agg(period.board_id || ' ' || period.period_start::text, ',' ORDER BY board_id, period_start), ''
        ))
        FROM leaderboard_period AS period
        JOIN leaderboard AS board USING (board_id)
        WHERE period.final_time IS NULL AND board.in_use
    ),
    refresh.fresh_at, refresh.changes, refresh.ranked, refresh.duration_us
FROM (VALUES (true)) AS always (only_row)
LEFT JOIN leaderboard_refresh AS refresh USING (only_row);

-- name: refresh_ranking
-- Brings the ranking up to date; whoever reads meanwhile reads the old one.
REFRESH MATERIALIZED VIEW CONCURRENTLY leaderboard_ranking;

-- name: refresh_ranking_marks
-- Counts the places of the ranking anew.
REFRESH MATERIALIZED VIEW CONCURRENTLY leaderboard_mark;

-- name: analyze_ranking
-- Tells the planner how long boards are: without it, places are counted by whatever index comes first.
ANALYZE leaderboard_ranking;

-- name: analyze_ranking_marks
-- The same for the marks.
ANALYZE leaderboard_mark;

-- name: store_ranking_refresh
-- Notes what the ranking is as of.
INSERT INTO leaderboard_refresh AS stored (fresh_at, changes, ranked, duration_us)
VALUES (timestamptz 'epoch' + $1::bigint * interval '1 microsecond', $2, $3, $4)
ON CONFLICT (only_row) DO UPDATE SET
    fresh_at = excluded.fresh_at,
    changes = excluded.changes,
    ranked = excluded.ranked,
    duration_us = excluded.duration_us;
