-- Give every player a row for each of these goals.
-- $1 goal_ids, $2 challenge_ids
INSERT INTO goal_progress (user_id, goal_id, challenge_id, progress, status, is_active, updated_at)
SELECT player.user_id, goal.goal_id, goal.challenge_id, 0, 'in_progress', true, timestamptz 'epoch'
FROM player CROSS JOIN unnest($1::text[], $2::text[]) AS goal (goal_id, challenge_id);
