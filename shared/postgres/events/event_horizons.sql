-- name: renew_event_horizon
-- Record that a handler with this horizon runs. A row that was renewed within the hour is left as it is.
-- $1 horizon_us
INSERT INTO event_horizon AS stored (horizon_us, renew_time)
VALUES ($1, database_time())
ON CONFLICT (horizon_us) DO UPDATE SET renew_time = excluded.renew_time
WHERE stored.renew_time < excluded.renew_time - interval '1 hour';

-- name: event_horizon_in_force
-- Return the greatest horizon of the handlers that run, in microseconds; 0 if there are none.
-- $1 process_time
SELECT (date_part('epoch', event_horizon_in_force(instant($1))) * 1000000)::bigint;
