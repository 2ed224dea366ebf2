-- name: board_epochs
-- Return the epoch of every leaderboard.
SELECT board_id, epoch FROM leaderboard;

-- name: open_rankings
-- Return the rankings that may still change.
SELECT board_id, period_start FROM leaderboard_period WHERE final_time IS NULL;

-- name: scores_of_players
-- Return these players' scores on all leaderboards.
-- $1 user_ids
SELECT board_id, period_start, user_id, score, reached_time, version
FROM leaderboard_score
WHERE user_id = ANY ($1::text[]);

-- name: scores_of_ranking
-- Return the scores of a ranking's players from one id up to another. An id range is found in the index; the next N
-- players would be found by sorting all.
-- $1 board_id, $2 period_start, $3 after_user_id, $4 last_user_id
SELECT user_id, score, reached_time, version
FROM leaderboard_score
WHERE board_id = $1
    AND period_start = instant($2)
    AND user_id > $3
    AND user_id <= $4;

-- name: player_after_tallies
-- Return the player of the N-th tally after a player's last one.
-- $1 after_user_id, $2 tallies
SELECT user_id FROM tally WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;

-- name: player_after_standings
-- Return the player of the N-th standing after a player's last one.
-- $1 after_user_id, $2 standings
SELECT user_id FROM standing WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;
