DROP FUNCTION microseconds(timestamptz);
DROP FUNCTION instant(bigint);
