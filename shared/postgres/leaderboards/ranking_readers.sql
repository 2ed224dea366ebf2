-- name: read_final_ranking_from
-- Return players of a final ranking from a place on. A single row without a player if the ranking ends before that
-- place; no row if the period is not final.
-- $1 board_id, $2 period_start, $3 first_place, $4 count_max
SELECT period.final_time, period.players, final.user_id, final.score, final.reached_time, final.place, final.shared_rank
FROM leaderboard_period AS period
LEFT JOIN leaderboard_final AS final
    ON final.board_id = period.board_id
    AND final.period_start = period.period_start
    AND final.place >= $3::bigint
    AND final.place < $3::bigint + $4::bigint
WHERE period.board_id = $1
    AND period.period_start = instant($2)
    AND period.final_time IS NOT NULL
ORDER BY final.place;

-- name: read_final_ranking_of_players
-- Return those of these players who are in a final ranking. Rows without a player as in read_final_ranking_from.
-- $1 board_id, $2 period_start, $3 user_ids
SELECT period.final_time, period.players, final.user_id, final.score, final.reached_time, final.place, final.shared_rank
FROM leaderboard_period AS period
LEFT JOIN leaderboard_final AS final
    ON final.board_id = period.board_id
    AND final.period_start = period.period_start
    AND final.user_id = ANY ($3::text[])
WHERE period.board_id = $1
    AND period.period_start = instant($2)
    AND period.final_time IS NOT NULL
ORDER BY final.place;

-- name: read_ranking_from
-- Return players from a place on, as of the last refresh. A single row without a player if the ranking ends before that
-- place; no row before the first refresh.
-- $1 board_id, $2 period_start, $3 first_place, $4 count_max
WITH mark AS (
    SELECT place, sort_score, reached_time, user_id
    FROM leaderboard_mark
    WHERE board_id = $1
        AND period_start = instant($2)
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
            AND period_start = instant($2)
            AND (sort_score, reached_time, user_id) >= (mark.sort_score, mark.reached_time, mark.user_id)
        ORDER BY sort_score, reached_time, user_id
        OFFSET $3::bigint - mark.place
        LIMIT $4::bigint
    ) AS ranked
    WINDOW in_order AS (ORDER BY ranked.sort_score, ranked.reached_time, ranked.user_id)
),
-- Only the first score of the stretch may have players before it. Materialized: else it is counted once per row.
head AS MATERIALIZED (
    SELECT best, leaderboard_place(
        $1, instant($2), best, '-infinity', ''
    ) AS place
    FROM stretch
    LIMIT 1
)
SELECT
    refresh.fresh_at,
    coalesce((
        SELECT max(place)
        FROM leaderboard_mark
        WHERE board_id = $1 AND period_start = instant($2)
    ), 0),
    stretch.user_id, stretch.score, stretch.reached_time, stretch.place,
    CASE WHEN stretch.sort_score = head.best THEN head.place
        ELSE min(stretch.place) OVER (PARTITION BY stretch.sort_score)
    END
FROM leaderboard_refresh AS refresh
LEFT JOIN (stretch CROSS JOIN head) ON true
ORDER BY stretch.place;

-- name: read_ranking_of_players
-- Return those of these players who are ranked, as of the last refresh. Rows without a player as in read_ranking_from.
-- $1 board_id, $2 period_start, $3 user_ids
SELECT
    refresh.fresh_at,
    coalesce((
        SELECT max(place)
        FROM leaderboard_mark
        WHERE board_id = $1 AND period_start = instant($2)
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
        AND period_start = instant($2)
        AND user_id = ANY ($3::text[])
) AS ranked ON true
ORDER BY ranked.place;
