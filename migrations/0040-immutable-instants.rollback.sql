CREATE OR REPLACE FUNCTION instant(microseconds bigint) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN timestamptz 'epoch' + microseconds * interval '1 microsecond';

CREATE OR REPLACE FUNCTION microseconds(instant timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (date_part('epoch', instant) * 1000000)::bigint;
