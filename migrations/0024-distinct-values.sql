-- depends: 0021-unnamed-calls
--
-- The different values that a tally has counted, so that each counts once: maps that a player visited, for example. Rows are
-- inserted before their tallies are merged, and deleted with them.
CREATE TABLE distinct_value (
    user_id      text COLLATE "C" NOT NULL,
    schedule     text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    stat_code    text COLLATE "C" NOT NULL,
    value_hash   bytea NOT NULL,
    CONSTRAINT distinct_value_pkey PRIMARY KEY (user_id, schedule, period_start, stat_code, value_hash),
    CONSTRAINT distinct_value_hash_is_16_bytes CHECK (octet_length(value_hash) = 16)
);

COMMENT ON COLUMN distinct_value.stat_code IS 'Of a tally whose source is ''derived''.';
COMMENT ON COLUMN distinct_value.value_hash IS 'BLAKE2b of the value, 16 bytes.';
