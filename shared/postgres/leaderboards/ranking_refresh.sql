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
VALUES (instant($1), $2, $3, $4)
ON CONFLICT (only_row) DO UPDATE SET
    fresh_at = excluded.fresh_at,
    changes = excluded.changes,
    ranked = excluded.ranked,
    duration_us = excluded.duration_us;
