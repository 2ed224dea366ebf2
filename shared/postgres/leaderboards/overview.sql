-- name: list_rankings
-- Return every ranking that may still change, and the newest final ones of each leaderboard.
-- $1 finals_max
SELECT board_id, period_start, period_end, final_time, players, fallback_time
FROM (
    SELECT
        period.board_id, period.period_start, period.period_end, period.final_time, period.players,
        state.fresh_at AS fallback_time,
        row_number() OVER (
            PARTITION BY period.board_id, period.final_time IS NULL ORDER BY period.period_start DESC
        ) AS age
    FROM leaderboard_period AS period
    LEFT JOIN ranking_state AS state
        ON state.board_id = period.board_id AND state.period_start = period.period_start
) AS listed
WHERE final_time IS NULL OR age <= $1::integer
ORDER BY board_id, period_start;

-- name: count_ranking
-- Return the number of players in a ranking that may still change.
-- $1 board_id, $2 period_start
SELECT count(*)
FROM leaderboard_score
WHERE board_id = $1 AND period_start = instant($2);
