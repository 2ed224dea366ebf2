-- Upsert progress rows with nine subqueries, each of which looks up a value of the row in the arrays again. A batch has
-- each player once here, so they compare one column.
-- $1 user_ids, $2 goal_ids, $3 challenge_ids, $4 deltas, $5 targets, $6 counted once a day, $7 now
INSERT INTO goal_progress AS stored (
    user_id, goal_id, challenge_id, progress, status, is_active, completed_at, updated_at
)
SELECT
    user_id, goal_id, challenge_id, delta,
    CASE WHEN delta >= target THEN 'completed' ELSE 'in_progress' END,
    true,
    CASE WHEN delta >= target THEN timestamptz 'epoch' + $7::bigint * interval '1 microsecond' END,
    timestamptz 'epoch' + $7::bigint * interval '1 microsecond'
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[])
    AS fresh (user_id, goal_id, challenge_id, delta, target, once_a_day)
ON CONFLICT (user_id, goal_id) DO UPDATE SET
    progress = CASE
        WHEN (
            SELECT once_a_day FROM unnest($1::text[], $6::boolean[]) AS batch (user_id, once_a_day)
            WHERE batch.user_id = stored.user_id LIMIT 1
        ) AND stored.updated_at::date = excluded.updated_at::date THEN stored.progress
        ELSE stored.progress + (
            SELECT delta FROM unnest($1::text[], $4::bigint[]) AS batch (user_id, delta)
            WHERE batch.user_id = stored.user_id LIMIT 1
        )
    END,
    status = CASE
        WHEN (
            SELECT once_a_day FROM unnest($1::text[], $6::boolean[]) AS batch (user_id, once_a_day)
            WHERE batch.user_id = stored.user_id LIMIT 1
        ) AND stored.updated_at::date = excluded.updated_at::date THEN stored.status
        WHEN stored.progress + (
            SELECT delta FROM unnest($1::text[], $4::bigint[]) AS batch (user_id, delta)
            WHERE batch.user_id = stored.user_id LIMIT 1
        ) >= (
            SELECT target FROM unnest($1::text[], $5::bigint[]) AS batch (user_id, target)
            WHERE batch.user_id = stored.user_id LIMIT 1
        ) THEN 'completed'
        ELSE 'in_progress'
    END,
    completed_at = CASE
        WHEN (
            SELECT once_a_day FROM unnest($1::text[], $6::boolean[]) AS batch (user_id, once_a_day)
            WHERE batch.user_id = stored.user_id LIMIT 1
        ) AND stored.updated_at::date = excluded.updated_at::date THEN stored.completed_at
        WHEN stored.completed_at IS NULL AND stored.progress + (
            SELECT delta FROM unnest($1::text[], $4::bigint[]) AS batch (user_id, delta)
            WHERE batch.user_id = stored.user_id LIMIT 1
        ) >= (
            SELECT target FROM unnest($1::text[], $5::bigint[]) AS batch (user_id, target)
            WHERE batch.user_id = stored.user_id LIMIT 1
        ) THEN excluded.updated_at
        ELSE stored.completed_at
    END,
    challenge_id = (
        SELECT challenge_id FROM unnest($1::text[], $3::text[]) AS batch (user_id, challenge_id)
        WHERE batch.user_id = stored.user_id LIMIT 1
    ),
    updated_at = excluded.updated_at
WHERE stored.status <> 'claimed' AND stored.is_active;
