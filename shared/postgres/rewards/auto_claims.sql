-- name: lock_auto_claims
-- Let one transaction at a time judge what completions of these players unlock. A transaction that waits here sees in its
-- next statement what the other one has committed. The locks end with the transaction. Keys must be sorted: their order
-- is the lock order.
-- $1 keys
SELECT count(pg_advisory_xact_lock(1667785069, key)) FROM unnest($1::integer[]) AS key;

-- name: read_never_claimed
-- Return completions of these goals, in these ranges of periods, that were never claimed and whose goal is not switched
-- off.
-- $1 user_ids, $2 goal_ids, $3 first_starts, $4 last_starts
SELECT completion.user_id, completion.goal_id, completion.period_start, completion.occurrence
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
    AS candidate (user_id, goal_id, first_start, last_start)
JOIN (SELECT * FROM completion WHERE user_id = ANY ($1::text[])) AS completion
    ON completion.user_id = candidate.user_id
    AND completion.goal_id = candidate.goal_id
    AND period_start >= instant(first_start)
    AND period_start <= instant(last_start)
    AND claim_number = 0
LEFT JOIN assignment ON assignment.user_id = completion.user_id AND assignment.goal_id = completion.goal_id
WHERE coalesce(assignment.active, true);

-- name: read_met
-- Return the positions, from 1, of the prerequisites that are completed: in the period with this start, or in any period
-- of a schedule where the start is null.
-- $1 user_ids, $2 goal_ids, $3 period_starts
SELECT position
FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS required (user_id, goal_id, start, position)
JOIN (SELECT * FROM completion WHERE user_id = ANY ($1::text[])) AS completion
    ON completion.user_id = required.user_id
    AND completion.goal_id = required.goal_id
    AND completion.period_start = instant(start)
UNION
SELECT position
FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS required (user_id, goal_id, start, position)
JOIN (SELECT * FROM settled_completion WHERE user_id = ANY ($1::text[])) AS settled
    ON settled.user_id = required.user_id
    AND required.goal_id = ANY (settled.goal_ids)
    AND CASE
        WHEN start IS NULL THEN to_start <> timestamptz 'epoch'
        ELSE to_start >= instant(start) AND from_start <= instant(start)
    END
CROSS JOIN LATERAL unnest(goal_ids, period_starts) AS packed (goal_id, start_of_period)
WHERE packed.goal_id = required.goal_id AND coalesce(start = start_of_period, true)
UNION
SELECT position
FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS required (user_id, goal_id, start, position)
JOIN (SELECT * FROM completion WHERE user_id = ANY ($1::text[])) AS completion
    ON completion.user_id = required.user_id
    AND completion.goal_id = required.goal_id
    AND completion.period_start <> timestamptz 'epoch'
WHERE start IS NULL
UNION
SELECT position
FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS required (user_id, goal_id, start, position)
JOIN (SELECT * FROM carried_completion WHERE user_id = ANY ($1::text[])) AS carried
    ON carried.user_id = required.user_id AND carried.goal_id = required.goal_id
WHERE start IS NULL;
