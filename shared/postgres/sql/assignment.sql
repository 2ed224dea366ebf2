-- name: read_assignments_of_goals
-- The choices of these players for these goals, pair by pair. The flush asks only for what it crossed.
SELECT
    assignment.user_id, assignment.goal_id,
    assignment.active, assignment.active_since, assignment.frozen_progress
FROM unnest($1::text[], $2::text[]) AS crossed (user_id, goal_id)
JOIN assignment ON assignment.user_id = crossed.user_id AND assignment.goal_id = crossed.goal_id;

-- name: store_assignment
-- Stores a player's choice for a goal; null for active_since keeps the stored one.
INSERT INTO assignment AS stored (user_id, goal_id, active, active_since, frozen_progress)
VALUES ($1, $2, $3, timestamptz 'epoch' + $4::bigint * interval '1 microsecond', $5)
ON CONFLICT (user_id, goal_id) DO UPDATE SET
    active = excluded.active,
    active_since = coalesce(excluded.active_since, stored.active_since),
    frozen_progress = excluded.frozen_progress;
