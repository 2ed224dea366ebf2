-- name: board_epochs
-- The epoch of every board.
SELECT board_id, epoch FROM leaderboard;

-- name: open_rankings
-- The rankings that may still change.
SELECT board_id, period_start FROM leaderboard_period WHERE final_time IS NULL;

-- name: scores_of_players
-- What these players' scores are on all boards.
SELECT board_id, period_start, user_id, score, reached_time, version
FROM leaderboard_score
WHERE user_id = ANY ($1::text[]);

-- name: scores_of_ranking
-- A portion of all scores of a ranking, by player.
SELECT user_id, score, reached_time, version
FROM leaderboard_score
WHERE board_id = $1
    AND period_start = timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
    AND user_id > $3
ORDER BY user_id
LIMIT $4::integer;
