-- name: store_standings
-- Stores standings anew. They are locked, and so they are there.
UPDATE standing
SET
    completed = anew.completed,
    claimed = anew.claimed,
    points = anew.points,
    points_time = instant(anew.points_time),
    fastest = anew.fastest,
    version = anew.version
FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]
) AS anew (
    user_id, schedule, period_start, scope, scope_id,
    completed, claimed, points, points_time, fastest, version
)
WHERE standing.user_id = anew.user_id
    AND standing.schedule = anew.schedule
    AND standing.period_start = instant(anew.period_start)
    AND standing.scope = anew.scope
    AND standing.scope_id = anew.scope_id;

-- name: merge_standings
-- Adds to what players have reached, which locks it, and answers it as it is then. The same merge as Standing.merge in
-- shared/domain/standings.py. Keys must be distinct and sorted: the order is the order of the locks.
INSERT INTO standing AS stored (
    user_id, schedule, period_start, scope, scope_id,
    completed, claimed, points, points_time, fastest, version
)
SELECT
    user_id, schedule, instant(period_start), scope, scope_id,
    completed, claimed, points, instant(points_time), fastest, version
FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]
) AS added (
    user_id, schedule, period_start, scope, scope_id,
    completed, claimed, points, points_time, fastest, version
)
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
