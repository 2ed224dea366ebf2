-- The row of an activation.
-- $1 number of the call
INSERT INTO assignment (user_id, goal_id, active, active_since, frozen_progress)
VALUES ($1::bigint::text, 'goal', true, timestamptz 'epoch', 0);
