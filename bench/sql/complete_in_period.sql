-- Gives players their lifetime completions of these goals in the period that starts then, in microseconds since 1970, too.
INSERT INTO completion (user_id, goal_id, period_start, occurrence, complete_time, challenge_id, tags, points)
SELECT
    user_id, goal_id, timestamptz 'epoch' + $3::bigint * interval '1 microsecond', 1, complete_time, challenge_id, tags,
    points
FROM completion
WHERE user_id = ANY ($1::text[]) AND goal_id = ANY ($2::text[]) AND period_start = timestamptz 'epoch'
ON CONFLICT DO NOTHING;
