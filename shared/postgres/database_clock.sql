-- name: read_database_clock
-- Return the present by the clock of the database, in microseconds since 1970.
SELECT microseconds(clock_timestamp());
