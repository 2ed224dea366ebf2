-- name: read_choices
-- Return what these players have chosen for these goals, pair by pair where they have, and when each player was
-- initialized, with a null goal. The flush asks only for the goals whose targets were crossed. A join of both with the
-- pairs would compare each pair of a large batch with each of its players.
-- $1 user_ids, $2 goal_ids
SELECT
    assignment.user_id, assignment.goal_id, NULL::timestamptz AS initialize_time,
    assignment.active, assignment.active_since, assignment.frozen_progress,
    microseconds(assignment.frozen_period_start), assignment.baseline
FROM (
    SELECT
        unnest($1::text[]) AS user_id,
        unnest($2::text[]) AS goal_id
) AS crossed
JOIN (SELECT * FROM assignment WHERE user_id = ANY ($1::text[])) AS assignment
    ON assignment.user_id = crossed.user_id AND assignment.goal_id = crossed.goal_id
UNION ALL
SELECT user_id, NULL, initialize_time, NULL, NULL, NULL, NULL, NULL
FROM player
WHERE user_id = ANY ($1::text[]);

-- name: read_assignments_of_pairs
-- The part of read_choices that is in assignments, pair by pair. A cluster fetches all of both sides of an outer join before it
-- joins them, but looks for pairs like these on the nodes.
-- $1 user_ids, $2 goal_ids
SELECT
    assignment.user_id, assignment.goal_id,
    active, active_since, frozen_progress, microseconds(frozen_period_start), baseline
FROM unnest($1::text[], $2::text[]) AS crossed (user_id, goal_id)
JOIN assignment ON assignment.user_id = crossed.user_id AND assignment.goal_id = crossed.goal_id;

-- name: read_initialize_times
-- Return when these players were initialized.
-- $1 user_ids
SELECT user_id, initialize_time FROM player WHERE user_id = ANY ($1::text[]);

-- name: store_assignment
-- Store a player's choice for a goal. A null active_since keeps the stored one.
-- $1 user_id, $2 goal_id, $3 active, $4 active_since, $5 frozen_progress, $6 frozen_period_start, $7 baseline,
-- $8 inactive_since
INSERT INTO assignment AS stored (
    user_id, goal_id, active, active_since, frozen_progress, frozen_period_start, baseline, inactive_since
)
VALUES ($1, $2, $3, instant($4), $5, instant($6), $7, instant($8))
ON CONFLICT (user_id, goal_id) DO UPDATE SET
    active = excluded.active,
    active_since = coalesce(excluded.active_since, stored.active_since),
    frozen_progress = excluded.frozen_progress,
    frozen_period_start = excluded.frozen_period_start,
    baseline = excluded.baseline,
    inactive_since = excluded.inactive_since;

-- name: read_inactive_since
-- Return when those of these goals were deactivated that the player has deactivated, and when that is known.
-- $1 user_id, $2 goal_ids
SELECT goal_id, inactive_since
FROM assignment
WHERE user_id = $1 AND goal_id = ANY ($2::text[]) AND inactive_since IS NOT NULL;

-- name: store_assignments
-- Store a player's choices for several goals, as store_assignment does. Goal ids must be sorted: their order is the lock
-- order.
-- $1 user_id, $2 goal_ids, $3 actives, $4 active_sinces, $5 frozen_progresses, $6 frozen_period_starts, $7 baselines,
-- $8 inactive_since
INSERT INTO assignment AS stored (
    user_id, goal_id, active, active_since, frozen_progress, frozen_period_start, baseline, inactive_since
)
SELECT
    $1::text,
    goal_id, active,
    instant(active_since),
    frozen_progress,
    instant(frozen_period_start),
    baseline,
    CASE WHEN NOT active THEN instant($8) END
FROM (
    SELECT
        unnest($2::text[]) AS goal_id,
        unnest($3::boolean[]) AS active,
        unnest($4::bigint[]) AS active_since,
        unnest($5::bigint[]) AS frozen_progress,
        unnest($6::bigint[]) AS frozen_period_start,
        unnest($7::bigint[]) AS baseline
) AS fresh
ON CONFLICT (user_id, goal_id) DO UPDATE SET
    active = excluded.active,
    active_since = coalesce(excluded.active_since, stored.active_since),
    frozen_progress = excluded.frozen_progress,
    frozen_period_start = excluded.frozen_period_start,
    baseline = excluded.baseline,
    inactive_since = excluded.inactive_since;
