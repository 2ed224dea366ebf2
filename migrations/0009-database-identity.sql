-- depends: 0007-instants
--
-- The identity of this database, by which keys in Redis belong to it. A database that was restored from a backup or
-- cloned has another content than Redis remembers, so it needs another identity.

CREATE TABLE database_identity (
    only_row     boolean NOT NULL DEFAULT true,
    identity     uuid NOT NULL DEFAULT gen_random_uuid(),
    changed_time timestamptz,
    CONSTRAINT database_identity_pkey PRIMARY KEY (only_row),
    CONSTRAINT database_identity_is_one_row CHECK (only_row)
);

COMMENT ON COLUMN database_identity.changed_time IS 'When an operator last renewed the identity; null: never.';

INSERT INTO database_identity DEFAULT VALUES;

-- The prefix of all keys in Redis, as the first process that used Redis had it. A table of its own, so that agreeing on
-- it leaves the row of the identity as it is.
CREATE TABLE redis_prefix (
    only_row boolean NOT NULL DEFAULT true,
    prefix   text COLLATE "C" NOT NULL,
    CONSTRAINT redis_prefix_pkey PRIMARY KEY (only_row),
    CONSTRAINT redis_prefix_is_one_row CHECK (only_row)
);

-- A logical restore inserts the row again, which changes its xmin. A clone on the same server has another oid, a restore
-- to another server another system identifier. So the key of such a copy differs without any command. Only a physical
-- copy has the same key, until an operator renews the identity.
CREATE FUNCTION database_key() RETURNS text
LANGUAGE sql STABLE
RETURN (
    SELECT left(encode(sha256(convert_to(concat_ws(' ', identity, row.xmin, database.oid, server.system_identifier), 'UTF8')), 'hex'), 16)
    FROM database_identity AS row
    CROSS JOIN pg_control_system() AS server
    JOIN pg_database AS database ON database.datname = current_database()
);

COMMENT ON FUNCTION database_key IS 'Names this database in keys of Redis.';

-- It rises when a replica is promoted or the server is recovered to a point in time: the newest transactions may be lost.
CREATE FUNCTION server_timeline() RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END;
EXCEPTION
    -- Some hosted servers do not tell.
    WHEN feature_not_supported OR insufficient_privilege OR undefined_function OR object_not_in_prerequisite_state THEN
        RETURN '';
END
$$;

COMMENT ON FUNCTION server_timeline IS 'The timeline of the server, as eight hexadecimal digits; empty where it is not known.';
