-- name: read_ranking_finish
-- Lock and return the ranking that is being made final: its key, when that began, how far its scores are read, how many players
-- have their place, and whether another process has made it final meanwhile.
SELECT
    finish.board_id, finish.period_start, finish.begin_time, finish.bookmark, finish.players,
    period.final_time IS NOT NULL
FROM ranking_finish AS finish
JOIN leaderboard_period AS period
    ON period.board_id = finish.board_id AND period.period_start = finish.period_start
ORDER BY finish.begin_time
LIMIT 1
FOR UPDATE;

-- name: begin_ranking_finish
-- Begin to make a ranking final: all its scores are read again, and then it follows them no more.
-- $1 board_id, $2 period_start, $3 begin_time
INSERT INTO ranking_finish (board_id, period_start, begin_time, bookmark)
VALUES ($1, instant($2), instant($3), '');

-- name: close_ranking
-- Let a ranking follow changed scores no more.
-- $1 board_id, $2 period_start
INSERT INTO ranking_state AS state (board_id, period_start, phase)
VALUES ($1, instant($2), 'closing')
ON CONFLICT (board_id, period_start) DO UPDATE SET phase = 'closing', sweep_epoch = NULL;

-- name: store_ranking_finish
-- Store up to which player the scores are read; null once all are.
-- $1 board_id, $2 period_start, $3 bookmark
UPDATE ranking_finish SET bookmark = $3 WHERE board_id = $1 AND period_start = instant($2);

-- name: place_players
-- Give the next players of a ranking, whose scores are all read, their places, and return how many.
-- $1 board_id, $2 period_start, $3 count_max
WITH finish AS (
    SELECT players, last_score, last_time, last_id, last_rank
    FROM ranking_finish
    WHERE board_id = $1 AND period_start = instant($2)
),
following AS (
    SELECT
        ranked.user_id, ranked.score, ranked.reached_time, ranked.sort_score,
        finish.players + row_number() OVER (
            ORDER BY ranked.sort_score, ranked.reached_time, ranked.user_id
        ) AS place,
        CASE WHEN ranked.sort_score = finish.last_score THEN finish.last_rank
            ELSE finish.players + rank() OVER (ORDER BY ranked.sort_score)
        END AS shared_rank
    FROM finish
    CROSS JOIN LATERAL (
        SELECT user_id, score, reached_time, sort_score
        FROM leaderboard_ranking
        WHERE board_id = $1
            AND period_start = instant($2)
            AND (sort_score, reached_time, user_id) > (
                coalesce(finish.last_score, -9223372036854775808),
                coalesce(finish.last_time, '-infinity'),
                coalesce(finish.last_id, '')
            )
        ORDER BY sort_score, reached_time, user_id
        LIMIT $3::integer
    ) AS ranked
),
placed AS (
    INSERT INTO leaderboard_final (board_id, period_start, place, shared_rank, user_id, score, reached_time)
    SELECT $1, instant($2), place, shared_rank, user_id, score, reached_time
    FROM following
),
last AS (
    SELECT place, shared_rank, user_id, reached_time, sort_score
    FROM following
    ORDER BY place DESC
    LIMIT 1
),
stored AS (
    UPDATE ranking_finish AS finish
    SET
        players = last.place,
        last_score = last.sort_score,
        last_time = last.reached_time,
        last_id = last.user_id,
        last_rank = last.shared_rank
    FROM last
    WHERE finish.board_id = $1 AND finish.period_start = instant($2)
)
SELECT count(*) FROM following;

-- name: finish_leaderboard_period
-- Let a ranking whose players all have their places be final. Everything committed before the instant is in it.
-- $1 board_id, $2 period_start, $3 final_time, $4 players
UPDATE leaderboard_period
SET final_time = instant($3), players = $4
WHERE board_id = $1 AND period_start = instant($2) AND final_time IS NULL;

-- name: forget_ranking_finish
-- Forget how far making a ranking final came.
-- $1 board_id, $2 period_start
DELETE FROM ranking_finish WHERE board_id = $1 AND period_start = instant($2);

-- name: reopen_ranking
-- Leave the stored ranking of a final one to the duty that deletes it.
-- $1 board_id, $2 period_start
UPDATE ranking_state SET phase = 'open' WHERE board_id = $1 AND period_start = instant($2) AND phase = 'closing';
