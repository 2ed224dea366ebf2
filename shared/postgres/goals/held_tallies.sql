-- name: read_stats_of_goals
-- Return the stats of these goals.
-- $1 goal_ids
SELECT goal_id, source, stat_code FROM goal_identity WHERE goal_id = ANY ($1::text[]);

-- name: limit_tally_wait
-- Give up after a short wait for a lock.
SELECT set_config('lock_timeout', '10ms', true);

-- name: hold_tallies
-- Lock lifetime tallies until the transaction ends, store an empty one for each that is not there, and return the keys of these.
-- One that another transaction is storing is waited for. Keys must be distinct and sorted: their order is the lock order.
-- $1 user_ids, $2 sources, $3 stat_codes
INSERT INTO tally AS stored (user_id, source, stat_code, schedule, period_start, sum, events, days, day_count)
SELECT user_id, source, stat_code, 'lifetime', timestamptz 'epoch', 0, 0, '{}', 0
FROM unnest($1::text[], $2::text[], $3::text[]) AS held (user_id, source, stat_code)
ON CONFLICT (user_id, schedule, period_start, source, stat_code) DO UPDATE SET sum = stored.sum WHERE false
RETURNING user_id, source, stat_code;

-- name: drop_held_tallies
-- Delete empty tallies that were stored to be locked.
-- $1 user_ids, $2 sources, $3 stat_codes
DELETE FROM tally
USING unnest($1::text[], $2::text[], $3::text[]) AS made (player, source_made, code)
WHERE user_id = player
    AND schedule = 'lifetime'
    AND period_start = timestamptz 'epoch'
    AND source = source_made
    AND stat_code = code;
