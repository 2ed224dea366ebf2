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
-- Return players from a place on. A single row without a player if the ranking ends before that place; no row if it cannot be
-- read.
-- $1 board_id, $2 period_start, $3 first_place, $4 count_max
WITH bucket AS (
    SELECT first_score, first_time, first_id, players_before
    FROM (
        SELECT
            first_score, first_time, first_id,
            sum(players) OVER (ORDER BY first_score, first_time, first_id) - players AS players_before
        FROM leaderboard_bucket
        WHERE board_id = $1 AND period_start = instant($2)
    ) AS counted
    WHERE players_before < $3::bigint
    ORDER BY players_before DESC, first_score DESC, first_time DESC, first_id DESC
    LIMIT 1
),
stretch AS (
    SELECT
        ranked.user_id, ranked.score, ranked.reached_time, ranked.sort_score,
        $3::bigint - 1 + row_number() OVER in_order AS place,
        first_value(ranked.sort_score) OVER in_order AS best
    FROM bucket
    CROSS JOIN LATERAL (
        SELECT user_id, score, reached_time, sort_score
        FROM leaderboard_ranking
        WHERE board_id = $1
            AND period_start = instant($2)
            AND (sort_score, reached_time, user_id) >= (bucket.first_score, bucket.first_time, bucket.first_id)
        ORDER BY sort_score, reached_time, user_id
        OFFSET $3::bigint - 1 - bucket.players_before
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
    state.fresh_at,
    (
        SELECT coalesce(sum(players), 0)::bigint
        FROM leaderboard_bucket
        WHERE board_id = $1 AND period_start = instant($2)
    ),
    stretch.user_id, stretch.score, stretch.reached_time, stretch.place,
    CASE WHEN stretch.sort_score = head.best THEN head.place
        ELSE min(stretch.place) OVER (PARTITION BY stretch.sort_score)
    END
FROM ranking_state AS state
LEFT JOIN (stretch CROSS JOIN head) ON true
WHERE state.board_id = $1 AND state.period_start = instant($2) AND state.fresh_at IS NOT NULL
ORDER BY stretch.place;

-- name: read_ranking_of_players
-- Return those of these players who are ranked. Rows without a player as in read_ranking_from.
-- $1 board_id, $2 period_start, $3 user_ids
SELECT
    state.fresh_at,
    (
        SELECT coalesce(sum(players), 0)::bigint
        FROM leaderboard_bucket
        WHERE board_id = $1 AND period_start = instant($2)
    ),
    ranked.user_id, ranked.score, ranked.reached_time, ranked.place, ranked.shared_rank
FROM ranking_state AS state
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
WHERE state.board_id = $1 AND state.period_start = instant($2) AND state.fresh_at IS NOT NULL
ORDER BY ranked.place;
