-- name: read_final_ranking_from
-- So many players of a period that is final, from a place on. A single row without a player where the board ends before,
-- no row if the period is not final.
SELECT period.final_time, period.players, final.user_id, final.score, final.reached_time, final.place, final.shared_rank
FROM leaderboard_period AS period
LEFT JOIN leaderboard_final AS final
    ON final.board_id = period.board_id
    AND final.period_start = period.period_start
    AND final.place >= $3::bigint
    AND final.place < $3::bigint + $4::bigint
WHERE period.board_id = $1
    AND period.period_start = timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
    AND period.final_time IS NOT NULL
ORDER BY final.place;

-- name: read_final_ranking_of_players
-- Those of these players who are ranked in a period that is final. Rows without a player as in read_final_ranking_from.
SELECT period.final_time, period.players, final.user_id, final.score, final.reached_time, final.place, final.shared_rank
FROM leaderboard_period AS period
LEFT JOIN leaderboard_final AS final
    ON final.board_id = period.board_id
    AND final.period_start = period.period_start
    AND final.user_id = ANY ($3::text[])
WHERE period.board_id = $1
    AND period.period_start = timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
    AND period.final_time IS NOT NULL
ORDER BY final.place;
