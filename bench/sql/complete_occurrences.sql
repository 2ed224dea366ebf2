-- Gives players completions of these occurrences of goals.
INSERT INTO completion (user_id, goal_id, period_start, occurrence, complete_time, challenge_id, tags, points)
SELECT user_id, goal_id, timestamptz 'epoch', occurrence, now(), challenge_id, '{}', 1
FROM unnest($1::text[]) AS player (user_id)
CROSS JOIN unnest($2::text[], $3::text[]) AS goal (goal_id, challenge_id)
CROSS JOIN generate_series(1, $4::integer) AS occurrence
ON CONFLICT DO NOTHING;
