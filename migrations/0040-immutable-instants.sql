-- depends: 0037-imported-audits
--
-- The conversions of instants become IMMUTABLE: where tables are distributed, only such functions may be applied to columns by
-- statements that change rows. Their bodies must be IMMUTABLE, too, or the planner does not put them into the statements that
-- call them. Neither depends on a time zone any more. The results are those of before, to the microsecond, until 2106.

CREATE OR REPLACE FUNCTION instant(microseconds bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp(microseconds / double precision '1000000');

CREATE OR REPLACE FUNCTION microseconds(instant timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (date_part('epoch', instant - timestamptz '1970-01-01 00:00:00+00') * 1000000)::bigint;
