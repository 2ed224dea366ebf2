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
-- The scores of a ranking's players from one id up to another. A range of ids is found in the index; the next so many
-- players would be found by sorting all.
SELECT user_id, score, reached_time, version
FROM leaderboard_score
WHERE board_id = $1
    AND period_start = instant($2)
    AND user_id > $3
    AND user_id <= $4;

-- name: player_after_tallies
-- Whose tally is so many after a player's last one.
SELECT user_id FROM tally WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;

-- name: player_after_standings
-- Whose standing is so many after a player's last one.
SELECT user_id FROM standing WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;
