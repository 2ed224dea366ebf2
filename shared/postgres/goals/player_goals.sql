-- name: read_player_goals
-- Return what the status of a few goals of a player depends on, in one round trip and one row: their tallies, choices and
-- completions, each of their columns an array, null where there are no rows. Everything is looked up by full primary keys
-- or their prefixes, so the cost does not depend on what else is stored of the player.
-- Periods that may be current are ranges of starts, because a player's zones are known only after this statement.
-- $1 user_id, $2 goal_ids, $3 schedules, $4 first_starts, $5 last_starts, $6 sources and $7 stat_codes of tallies,
-- $8 goal_ids, $9 first_starts and $10 last_starts of completions
SELECT
    (SELECT time_zone || zone_names FROM player WHERE user_id = $1),
    (SELECT zone_times FROM player WHERE user_id = $1),
    tallies.*,
    assignments.*,
    completions.*
FROM (
    SELECT
        array_agg(source), array_agg(stat_code),
        array_agg(sum), array_agg(events), array_agg(highest), array_agg(day_count), array_agg(latest),
        array_agg(schedule), array_agg(microseconds(period_start))
    FROM (
        SELECT
            unnest($3::text[]) AS wanted_schedule,
            unnest($4::bigint[]) AS first_start,
            unnest($5::bigint[]) AS last_start,
            unnest($6::text[]) AS wanted_source,
            unnest($7::text[]) AS wanted_code
    ) AS wanted
    CROSS JOIN LATERAL (
        SELECT * FROM tally
        WHERE user_id = $1
            AND schedule = wanted_schedule
            AND period_start >= instant(first_start)
            AND period_start <= instant(last_start)
            AND source = wanted_source
            AND stat_code = wanted_code
        OFFSET 0
    ) AS tally
) AS tallies,
(
    SELECT
        array_agg(goal_id), array_agg(active),
        array_agg(microseconds(active_since)),
        array_agg(frozen_progress),
        array_agg(microseconds(frozen_period_start)),
        CASE WHEN count(baseline) > 0 THEN array_agg(baseline) END
    FROM assignment
    WHERE user_id = $1 AND goal_id = ANY ($2::text[])
) AS assignments,
(
    SELECT
        array_agg(goal_id),
        array_agg(microseconds(complete_time)),
        array_agg(microseconds(claim_time)),
        array_agg(claimed_rewards),
        array_agg(microseconds(period_start)),
        array_agg(occurrence)
    FROM (
        SELECT
            unnest($8::text[]) AS wanted_goal,
            unnest($9::bigint[]) AS first_start,
            unnest($10::bigint[]) AS last_start
    ) AS wanted
    CROSS JOIN LATERAL (
        -- A range of starts keeps the rest of the key from bounding the scan, so a single one is looked up alone.
        SELECT * FROM completion
        WHERE first_start = last_start
            AND user_id = $1
            AND period_start = instant(first_start)
            AND goal_id = wanted_goal
        UNION ALL
        SELECT * FROM completion
        WHERE first_start < last_start
            AND user_id = $1
            AND period_start >= instant(first_start)
            AND period_start <= instant(last_start)
            AND goal_id = wanted_goal
        OFFSET 0
    ) AS completion
) AS completions;

-- name: read_completed_ever
-- Return those of these goals that a player has ever completed in a period, by keys and their prefixes.
-- $1 user_id, $2 goal_ids
SELECT goal_id
FROM (SELECT unnest($2::text[]) AS goal_id) AS required
WHERE EXISTS (
    SELECT FROM completion
    WHERE user_id = $1
        AND completion.goal_id = required.goal_id
        AND period_start <> timestamptz 'epoch'
    OFFSET 0
)
OR EXISTS (
    SELECT FROM carried_completion
    WHERE user_id = $1 AND carried_completion.goal_id = required.goal_id
    OFFSET 0
);
