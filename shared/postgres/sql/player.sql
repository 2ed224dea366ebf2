-- name: read_player
-- Everything that a player's goals are judged by, in one round trip: four lookups by primary key. A row's kind says
-- which columns it fills: 'player' (key: time zone), 'tally' (key: source, code: stat code, numbers: sum, events, highest,
-- day count, latest), 'assignment' (key: goal, flag: active, first_time: active since, numbers: frozen progress),
-- 'completion' (key: goal, first_time: completed, second_time: claimed).
SELECT
    'player' AS kind, time_zone AS key, NULL AS code, NULL::boolean AS flag,
    NULL::timestamptz AS first_time, NULL::timestamptz AS second_time,
    NULL::bigint AS number_1, NULL::bigint AS number_2, NULL::bigint AS number_3, NULL::bigint AS number_4,
    NULL::bigint AS number_5
FROM player
WHERE user_id = $1
UNION ALL
SELECT 'tally', source, stat_code, NULL, NULL, NULL, sum, events, highest, day_count, latest
FROM tally
WHERE user_id = $1 AND schedule = 'lifetime'
UNION ALL
SELECT 'assignment', goal_id, NULL, active, active_since, NULL, frozen_progress, NULL, NULL, NULL, NULL
FROM assignment
WHERE user_id = $1
UNION ALL
SELECT 'completion', goal_id, NULL, NULL, complete_time, claim_time, NULL, NULL, NULL, NULL, NULL
FROM completion
WHERE user_id = $1 AND period_start = timestamptz 'epoch';

-- name: insert_player
-- Stores a new player; answers a row exactly when this call stored it.
INSERT INTO player (user_id, time_zone, initialize_time)
VALUES ($1, $2, timestamptz 'epoch' + $3::bigint * interval '1 microsecond')
ON CONFLICT (user_id) DO NOTHING
RETURNING user_id;

-- name: update_time_zone
-- Stores another time zone of a player.
UPDATE player SET time_zone = $2 WHERE user_id = $1 AND time_zone <> $2;
