-- name: store_standings
-- Replace standings. Their rows exist, because they were locked by merge_standings.
-- $1 user_ids, $2 schedules, $3 period_starts, $4 scopes, $5 scope_ids, $6 completed, $7 claimed, $8 points,
-- $9 points_times, $10 fastests, $11 versions
UPDATE standing
SET
    completed = replacement.completed,
    claimed = replacement.claimed,
    points = replacement.points,
    points_time = instant(replacement.points_time),
    fastest = replacement.fastest,
    version = replacement.version
FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]
) AS replacement (
    user_id, schedule, period_start, scope, scope_id,
    completed, claimed, points, points_time, fastest, version
)
WHERE standing.user_id = replacement.user_id
    AND standing.schedule = replacement.schedule
    AND standing.period_start = instant(replacement.period_start)
    AND standing.scope = replacement.scope
    AND standing.scope_id = replacement.scope_id;

-- name: merge_standings
-- Add to standings, which locks them, and return the result. The same merge as Standing.merge in
-- shared/domain/standings.py. Keys must be distinct and sorted: their order is the lock order.
-- $1 user_ids, $2 schedules, $3 period_starts, $4 scopes, $5 scope_ids, $6 completed, $7 claimed, $8 points,
-- $9 points_times, $10 fastests, $11 versions
INSERT INTO standing AS stored (
    user_id, schedule, period_start, scope, scope_id,
    completed, claimed, points, points_time, fastest, version
)
SELECT
    user_id, schedule, instant(period_start), scope, scope_id,
    completed, claimed, points, instant(points_time), fastest, version
FROM (
    SELECT
        unnest($1::text[]) AS user_id,
        unnest($2::text[]) AS schedule,
        unnest($3::bigint[]) AS period_start,
        unnest($4::text[]) AS scope,
        unnest($5::text[]) AS scope_id,
        unnest($6::bigint[]) AS completed,
        unnest($7::bigint[]) AS claimed,
        unnest($8::bigint[]) AS points,
        unnest($9::bigint[]) AS points_time,
        unnest($10::bigint[]) AS fastest,
        unnest($11::bigint[]) AS version
) AS added
ON CONFLICT (user_id, schedule, period_start, scope, scope_id) DO UPDATE SET
    completed = stored.completed + excluded.completed,
    claimed = stored.claimed + excluded.claimed,
    -- Saturates at ±2^62; in numeric, which no intermediate result can overflow.
    points = greatest(
        -4611686018427387904, least(stored.points::numeric + excluded.points, 4611686018427387904)
    )::bigint,
    points_time = greatest(stored.points_time, excluded.points_time),
    fastest = least(stored.fastest, excluded.fastest),
    version = stored.version + excluded.version
RETURNING
    user_id, schedule, period_start, scope, scope_id,
    completed, claimed, points, points_time, fastest, version;

-- name: add_to_standings
-- Do what merge_standings does where the same is added to each of some standings of one player, and return nothing: in four
-- fifths of the time. Keys must be distinct and sorted: their order is the lock order.
-- $1 user_id, $2 schedules, $3 period_starts, $4 scopes, $5 scope_ids, $6 completed, $7 claimed, $8 points, $9 points_time,
-- $10 fastest, $11 version
INSERT INTO standing AS stored (
    user_id, schedule, period_start, scope, scope_id,
    completed, claimed, points, points_time, fastest, version
)
SELECT
    $1::text, schedule, instant(period_start), scope, scope_id,
    $6::bigint, $7::bigint, $8::bigint, instant($9::bigint), $10::bigint, $11::bigint
FROM (
    SELECT
        unnest($2::text[]) AS schedule,
        unnest($3::bigint[]) AS period_start,
        unnest($4::text[]) AS scope,
        unnest($5::text[]) AS scope_id
) AS added
ON CONFLICT (user_id, schedule, period_start, scope, scope_id) DO UPDATE SET
    completed = stored.completed + excluded.completed,
    claimed = stored.claimed + excluded.claimed,
    -- Saturates as in merge_standings.
    points = greatest(
        -4611686018427387904, least(stored.points::numeric + excluded.points, 4611686018427387904)
    )::bigint,
    points_time = greatest(stored.points_time, excluded.points_time),
    fastest = least(stored.fastest, excluded.fastest),
    version = stored.version + excluded.version;
