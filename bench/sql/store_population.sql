-- Stores new players, all with the same initialize time in microseconds since 1970.
INSERT INTO player (user_id, time_zone, initialize_time)
SELECT user_id, 'UTC', instant($2::bigint)
FROM unnest($1::text[]) AS fresh (user_id)
