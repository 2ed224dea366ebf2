-- name: read_zones_of_player
-- Return the zones that a player has named; no row if the player is not initialized.
-- $1 user_id
SELECT time_zone, zone_times, zone_names FROM player WHERE user_id = $1;

-- name: read_goal_tallies
-- Return tallies of a player that have one schedule and source.
-- $1 user_id, $2 schedule, $3 first_start, $4 last_start, $5 source, $6 stat_codes
SELECT tally.*
FROM (SELECT unnest($6::text[]) AS wanted_code) AS wanted
CROSS JOIN LATERAL (
    SELECT stat_code, sum, events, highest, day_count, latest, microseconds(period_start)
    FROM tally
    WHERE user_id = $1
        AND schedule = $2
        AND period_start >= instant($3)
        AND period_start <= instant($4)
        AND source = $5
        AND stat_code = wanted_code
    OFFSET 0
) AS tally;

-- name: read_goal_tally
-- Do what read_goal_tallies does for one stat and the lifetime: in two thirds of the time.
-- $1 user_id, $2 source, $3 stat_code
SELECT stat_code, sum, events, highest, day_count, latest, microseconds(period_start)
FROM tally
WHERE user_id = $1
    AND schedule = 'lifetime'
    AND period_start = timestamptz 'epoch'
    AND source = $2
    AND stat_code = $3;

-- name: read_goal_completions
-- Return a player's completions of goals in the period that begins at an instant. Of packed ones these are those of the
-- lifetime: what belongs to periods that may be current is never packed.
-- $1 user_id, $2 goal_ids, $3 period_start
SELECT completion.*
FROM (SELECT unnest($2::text[]) AS wanted_goal) AS wanted
CROSS JOIN LATERAL (
    SELECT
        goal_id, occurrence,
        microseconds(complete_time), microseconds(claim_time), claimed_rewards,
        microseconds(period_start)
    FROM completion
    WHERE user_id = $1 AND period_start = instant($3) AND goal_id = wanted_goal
    OFFSET 0
) AS completion
UNION ALL
SELECT goal_id, coalesce(occurrence, 1), complete_time, claim_time, claimed_rewards, period_start
FROM (
    SELECT
        unnest(goal_ids) AS goal_id, unnest(occurrences) AS occurrence, unnest(complete_times) AS complete_time,
        unnest(claim_times) AS claim_time, unnest(claimed_rewards) AS claimed_rewards, unnest(period_starts) AS period_start
    FROM settled_completion
    WHERE user_id = $1 AND to_start = instant($3) AND goal_ids && $2::text[]
) AS packed
WHERE goal_id = ANY ($2::text[]);

-- name: read_goal_completions_between
-- Return a player's completions of goals in periods that begin in a range, which keeps the rest of the key from bounding the
-- scan.
-- $1 user_id, $2 goal_ids, $3 first_start, $4 last_start
SELECT completion.*
FROM (SELECT unnest($2::text[]) AS wanted_goal) AS wanted
CROSS JOIN LATERAL (
    SELECT
        goal_id, occurrence,
        microseconds(complete_time), microseconds(claim_time), claimed_rewards,
        microseconds(period_start)
    FROM completion
    WHERE user_id = $1
        AND period_start >= instant($3)
        AND period_start <= instant($4)
        AND goal_id = wanted_goal
    OFFSET 0
) AS completion;

-- name: read_goal_choices
-- Return what a player has chosen for these goals.
-- $1 user_id, $2 goal_ids
SELECT
    goal_id, active, microseconds(active_since), frozen_progress, microseconds(frozen_period_start), baseline
FROM assignment
WHERE user_id = $1 AND goal_id = ANY ($2::text[]);

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
    SELECT FROM settled_completion
    WHERE user_id = $1 AND to_start <> timestamptz 'epoch' AND required.goal_id = ANY (goal_ids)
    OFFSET 0
)
OR EXISTS (
    SELECT FROM carried_completion
    WHERE user_id = $1 AND carried_completion.goal_id = required.goal_id
    OFFSET 0
);
