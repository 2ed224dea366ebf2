-- The row of a new player.
-- $1 number of the call
INSERT INTO player (user_id, time_zone, initialize_time) VALUES ($1::bigint::text, 'Europe/Berlin', timestamptz 'epoch');
