-- name: read_player
-- Return everything that a player's goals are judged by, in one round trip and one row: four lookups by primary key,
-- each of their columns an array. Arrays are null where there are no rows; instants are integers.
-- $1 user_id
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
        array_agg(microseconds(active_since)),
        array_agg(frozen_progress),
        array_agg(microseconds(frozen_period_start))
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

-- name: read_player_by_period
-- Return what read_player does, and the same of the current periods: tallies by the full prefix of their primary key,
-- and completions by the starts of the periods. Whatever belongs to past periods is not visited: OFFSET keeps the planner
-- from reading all of a player's rows and joining them.
-- $1 user_id, $2 schedules, $3 period_starts, $4 goal_ids of which it matters whether they ever were completed
SELECT
    (SELECT time_zone FROM player WHERE user_id = $1),
    (
        SELECT array_agg(goal_id)
        FROM unnest($4::text[]) AS required (goal_id)
        WHERE EXISTS (
            SELECT FROM completion
            WHERE user_id = $1
                AND completion.goal_id = required.goal_id
                AND period_start <> timestamptz 'epoch'
            OFFSET 0
        )
    ),
    tallies.*,
    assignments.*,
    completions.*,
    period_tallies.*,
    period_completions.*
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
        array_agg(microseconds(active_since)),
        array_agg(frozen_progress),
        array_agg(microseconds(frozen_period_start))
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
) AS completions,
(
    SELECT
        array_agg(source), array_agg(stat_code),
        array_agg(sum), array_agg(events), array_agg(highest), array_agg(day_count), array_agg(latest),
        array_agg(schedule)
    FROM unnest($2::text[], $3::bigint[]) AS current (current_schedule, start)
    CROSS JOIN LATERAL (
        SELECT * FROM tally
        WHERE user_id = $1 AND schedule = current_schedule AND period_start = instant(start)
        OFFSET 0
    ) AS tally
) AS period_tallies,
(
    SELECT
        array_agg(goal_id),
        array_agg(microseconds(complete_time)),
        array_agg(microseconds(claim_time)),
        array_agg(microseconds(period_start))
    FROM (SELECT DISTINCT unnest($3::bigint[])) AS current (start)
    CROSS JOIN LATERAL (
        SELECT * FROM completion WHERE user_id = $1 AND period_start = instant(start) OFFSET 0
    ) AS completion
) AS period_completions;

-- name: insert_player
-- Store a new player; return a row exactly when this statement stored it.
-- $1 user_id, $2 time_zone, $3 initialize_time
INSERT INTO player (user_id, time_zone, initialize_time)
VALUES ($1, $2, instant($3))
ON CONFLICT (user_id) DO NOTHING
RETURNING user_id;

-- name: update_time_zone
-- Store another time zone of a player.
-- $1 user_id, $2 time_zone
UPDATE player SET time_zone = $2 WHERE user_id = $1 AND time_zone <> $2;
