-- name: lock_ranking_refresh
-- Try to become the one transaction that refreshes the ranking. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 4);

-- name: read_ranking_refresh
-- Return the number of score changes that Postgres has counted and a hash of the rankings to refresh; then the last
-- refresh: its time, change count, hash and duration.
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
-- Bring the ranking up to date. Readers see the previous one meanwhile.
SELECT refresh_leaderboard_ranking();

-- name: refresh_ranking_marks
-- Recount the places of the ranking.
SELECT refresh_leaderboard_mark();

-- name: analyze_ranking
-- Update the planner's statistics: without them it counts places by the wrong index.
SELECT analyze_leaderboard_ranking();

-- name: analyze_ranking_marks
-- Update the planner's statistics of the marks.
SELECT analyze_leaderboard_mark();

-- name: store_ranking_refresh
-- Record the refresh that the ranking is as of.
-- $1 fresh_at, $2 changes, $3 ranked, $4 duration_us
INSERT INTO leaderboard_refresh AS stored (fresh_at, changes, ranked, duration_us)
VALUES (instant($1), $2, $3, $4)
ON CONFLICT (only_row) DO UPDATE SET
    fresh_at = excluded.fresh_at,
    changes = excluded.changes,
    ranked = excluded.ranked,
    duration_us = excluded.duration_us;
