-- Update progress rows with values that are computed once, in a join.
-- The same parameters as those of goal_progress_correlated.
WITH fresh AS (
    SELECT user_id, goal_id, delta, target, once_a_day
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[])
        AS batch (user_id, goal_id, challenge_id, delta, target, once_a_day)
),
added AS (
    SELECT
        stored.user_id, stored.goal_id, fresh.target,
        CASE
            WHEN fresh.once_a_day
                AND stored.updated_at::date = (timestamptz 'epoch' + $7::bigint * interval '1 microsecond')::date
                THEN stored.progress
            ELSE stored.progress + fresh.delta
        END AS progress
    FROM goal_progress AS stored
    JOIN fresh ON fresh.user_id = stored.user_id AND fresh.goal_id = stored.goal_id
    WHERE stored.status <> 'claimed' AND stored.is_active
)
UPDATE goal_progress AS stored
SET
    progress = added.progress,
    status = CASE WHEN added.progress >= added.target THEN 'completed' ELSE 'in_progress' END,
    completed_at = CASE
        WHEN added.progress >= added.target AND stored.completed_at IS NULL
            THEN timestamptz 'epoch' + $7::bigint * interval '1 microsecond'
        ELSE stored.completed_at
    END,
    updated_at = timestamptz 'epoch' + $7::bigint * interval '1 microsecond'
FROM added
WHERE stored.user_id = added.user_id AND stored.goal_id = added.goal_id;
