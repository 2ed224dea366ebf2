-- name: insert_distinct_values
-- Record values that tallies count, and return the new ones by their index. A tally that has counted 1,000 values counts no more.
-- Rows must be sorted by key: their order is the lock order.
-- $1 user_ids, $2 schedules, $3 period_starts, $4 stat_codes, $5 value_hashes
INSERT INTO distinct_value (user_id, schedule, period_start, stat_code, value_hash)
SELECT brought.user_id, brought.schedule, instant(start), brought.stat_code, value_hash
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bytea[])
    AS brought (user_id, schedule, start, stat_code, value_hash)
LEFT JOIN (
    SELECT user_id, schedule, period_start, stat_code
    FROM tally
    WHERE user_id = ANY ($1::text[]) AND source = 'derived' AND sum >= 1000
) AS enough
    ON enough.user_id = brought.user_id
    AND enough.schedule = brought.schedule
    AND enough.period_start = instant(start)
    AND enough.stat_code = brought.stat_code
WHERE enough.user_id IS NULL
ON CONFLICT (user_id, schedule, period_start, stat_code, value_hash) DO NOTHING
RETURNING user_id, schedule, microseconds(period_start), stat_code, value_hash;

-- name: prune_distinct_values
-- Delete, in a range of players, the values of periods that begin before an instant, by schedule.
-- $1 after_user_id, $2 last_user_id, $3 schedules, $4 before_instants
DELETE FROM distinct_value
USING unnest($3::text[], $4::bigint[]) AS past (past_schedule, before)
WHERE user_id > $1
    AND user_id <= $2
    AND schedule = past_schedule
    AND period_start < instant(before);
