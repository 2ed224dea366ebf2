-- name: hold_off_first_zones
-- Let no player of these be stored until the transaction ends. A transaction that waits here sees in its next statement who
-- was stored. Keys must be sorted: their order is the lock order.
-- $1 keys
SELECT count(pg_advisory_xact_lock_shared(1667785070, key)) FROM unnest($1::integer[]) AS key;

-- name: await_first_events
-- Wait for transactions that count events of a player who is not stored; the next statement sees what they have counted.
-- $1 key
SELECT pg_advisory_xact_lock(1667785070, $1::integer);

-- name: read_zones
-- Return the zones that these players have named. Players who are not initialized are missing.
-- $1 user_ids
SELECT user_id, time_zone, zone_times, zone_names FROM player WHERE user_id = ANY ($1::text[]);

-- name: lock_zones
-- Lock a player's row and return the zones that the player has named.
-- $1 user_id
SELECT time_zone, zone_times, zone_names FROM player WHERE user_id = $1 FOR UPDATE;

-- name: store_zones
-- Store the zones that a player has named.
-- $1 user_id, $2 time_zone, $3 zone_times, $4 zone_names
UPDATE player SET time_zone = $2, zone_times = $3, zone_names = $4 WHERE user_id = $1;
