-- name: read_player_statistics
-- Return everything that a player's statistics are computed from, in one round trip and one row, as read_player does.
-- Only the ids of completions are read, which the index holds.
-- $1 user_id, $2 recent_from, $3 recent_to, $4 schedules, $5 first_starts, $6 last_starts, $7 first_starts and
-- $8 last_starts of any schedule, $9 challenge_ids of pools, $10 first_starts and $11 last_starts of their periods
SELECT
    tallies.*, login_days.*, assignments.*, completions.*, standings.*, recently.*, period_tallies.*, period_completions.*,
    selections.*,
    (SELECT time_zone FROM player WHERE user_id = $1),
    (SELECT zone_times FROM player WHERE user_id = $1),
    (SELECT zone_names FROM player WHERE user_id = $1)
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
        array_agg(microseconds(frozen_period_start)),
        CASE WHEN count(baseline) > 0 THEN array_agg(baseline) END
    FROM assignment
    WHERE user_id = $1
) AS assignments,
(
    SELECT array_agg(goal_id)
    FROM (
        SELECT goal_id FROM completion WHERE user_id = $1 AND period_start = timestamptz 'epoch'
        UNION ALL
        SELECT unnest(goal_ids) FROM settled_completion WHERE user_id = $1 AND to_start = timestamptz 'epoch'
    ) AS completion
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
) AS recently,
(
    SELECT
        array_agg(source), array_agg(stat_code),
        array_agg(sum), array_agg(events), array_agg(highest), array_agg(day_count), array_agg(latest),
        array_agg(schedule), array_agg(microseconds(period_start))
    FROM unnest($4::text[], $5::bigint[], $6::bigint[]) AS current (current_schedule, first_start, last_start)
    CROSS JOIN LATERAL (
        SELECT * FROM tally
        WHERE user_id = $1
            AND schedule = current_schedule
            AND period_start >= instant(first_start)
            AND period_start <= instant(last_start)
        OFFSET 0
    ) AS tally
) AS period_tallies,
(
    SELECT array_agg(goal_id), array_agg(microseconds(period_start))
    FROM unnest($7::bigint[], $8::bigint[]) AS current (first_start, last_start)
    CROSS JOIN LATERAL (
        SELECT * FROM completion
        WHERE user_id = $1 AND period_start >= instant(first_start) AND period_start <= instant(last_start)
        OFFSET 0
    ) AS completion
) AS period_completions,
(
    SELECT array_agg(challenge_id), array_agg(microseconds(period_start)), array_agg(goal_id)
    FROM unnest($9::text[], $10::bigint[], $11::bigint[]) AS pool (pool_id, first_start, last_start)
    CROSS JOIN LATERAL (
        SELECT * FROM selection
        WHERE user_id = $1
            AND challenge_id = pool_id
            AND period_start >= instant(first_start)
            AND period_start <= instant(last_start)
        OFFSET 0
    ) AS selection
    CROSS JOIN unnest(goal_ids) WITH ORDINALITY AS selected (goal_id, place)
) AS selections;

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
