-- depends: 0006-queue-vacuum
--
-- Statements pass and return instants as integers: microseconds since 1970. These functions name the two conversions. The
-- planner puts their bodies into the statements that call them, so they cost nothing; it does so only because they are
-- STABLE, as adding an interval to a timestamptz is, and not STRICT.

CREATE FUNCTION instant(microseconds bigint) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN timestamptz 'epoch' + microseconds * interval '1 microsecond';

COMMENT ON FUNCTION instant IS 'The timestamp of an instant in microseconds since 1970; null for null.';

-- Exact until 2106: a double holds seconds below 2^32 to less than a quarter of a microsecond.
CREATE FUNCTION microseconds(instant timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (date_part('epoch', instant) * 1000000)::bigint;

COMMENT ON FUNCTION microseconds IS 'Microseconds since 1970 of a timestamp; null for null.';
