-- Stores activated goals, all with the same time in microseconds since 1970.
INSERT INTO assignment (user_id, goal_id, active, active_since, frozen_progress)
SELECT user_id, goal_id, true, timestamptz 'epoch' + $3::bigint * interval '1 microsecond', 0
FROM unnest($1::text[], $2::text[]) AS chosen (user_id, goal_id);
