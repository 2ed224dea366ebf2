-- name: read_player
-- Everything that a player's goals are judged by, in one round trip and one row: four lookups by primary key, a column of
-- theirs an array here. Arrays are null where there is nothing; instants are integers.
SELECT
    (SELECT time_zone FROM player WHERE user_id = $1),
    tallies.*,
    assignments.*,
    completions.*
FROM (
    SELECT
        array_agg(source), array_agg(stat_code),
        array_agg(sum), array_agg(events), array_agg(highest), array_agg(day_count), array_agg(latest)
    FROM tally
    WHERE user_id = $1 AND schedule = 'lifetime'
) AS tallies,
(
    SELECT
        array_agg(goal_id), array_agg(active),
        -- Exact: an instant in seconds, as a double, is off by less than half a microsecond.
        array_agg(microseconds(active_since)),
        array_agg(frozen_progress)
    FROM assignment
    WHERE user_id = $1
) AS assignments,
(
    SELECT
        array_agg(goal_id),
        array_agg(microseconds(complete_time)),
        array_agg(microseconds(claim_time))
    FROM completion
    WHERE user_id = $1 AND period_start = timestamptz 'epoch'
) AS completions;

-- name: insert_player
-- Stores a new player; answers a row exactly when this call stored it.
INSERT INTO player (user_id, time_zone, initialize_time)
VALUES ($1, $2, instant($3))
ON CONFLICT (user_id) DO NOTHING
RETURNING user_id;

-- name: update_time_zone
-- Stores another time zone of a player.
UPDATE player SET time_zone = $2 WHERE user_id = $1 AND time_zone <> $2;
