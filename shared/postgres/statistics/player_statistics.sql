-- name: read_player_statistics
-- Return everything that a player's statistics are computed from, in one round trip and one row, as read_player does.
-- Only the ids of completions are read, which the index holds.
-- $1 user_id, $2 recent_from, $3 recent_to
SELECT
    tallies.*, login_days.*, assignments.*, completions.*, standings.*, recently.*
FROM (
    SELECT
        array_agg(source), array_agg(stat_code),
        array_agg(sum), array_agg(events), array_agg(highest), array_agg(day_count), array_agg(latest)
    FROM tally
    WHERE user_id = $1 AND schedule = 'lifetime'
) AS tallies,
(
    SELECT max(days::text)
    FROM tally
    WHERE user_id = $1 AND schedule = 'lifetime' AND period_start = timestamptz 'epoch' AND source = 'login'
) AS login_days,
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
    SELECT array_agg(goal_id) FROM completion WHERE user_id = $1 AND period_start = timestamptz 'epoch'
) AS completions,
(
    SELECT
        array_agg(scope), array_agg(scope_id),
        array_agg(completed), array_agg(claimed), array_agg(points),
        array_agg(microseconds(points_time)),
        array_agg(fastest), array_agg(version)
    FROM standing
    WHERE user_id = $1 AND schedule = 'lifetime'
) AS standings,
(
    SELECT coalesce(sum(completed), 0)::bigint
    FROM standing
    WHERE user_id = $1
        AND schedule = 'day/UTC'
        AND period_start >= instant($2)
        AND period_start <= instant($3)
        AND scope = 'all'
) AS recently;

-- name: read_player_trend
-- Return what a player reached on each day of a range, for days with any change.
-- $1 user_id, $2 from, $3 to
SELECT period_start, completed, claimed, points
FROM standing
WHERE user_id = $1
    AND schedule = 'day/UTC'
    AND period_start >= instant($2)
    AND period_start <= instant($3)
    AND scope = 'all';
