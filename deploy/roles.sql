-- The roles of the database. Run this file as a superuser, connected to the database:
--
--     psql --dbname challenge --file deploy/roles.sql
--
-- `python -m admin roles` does the same. It can be run again, and has to be once after the tables were made by another role.
-- Roles get a password from the setting challenge.password (PGOPTIONS="-c challenge.password=…"); without it, give each its
-- own, such as with \password. Then give each program the address with its role:
--
--     challenge_owner     owns the tables: `admin migrate` and `admin optimize`
--     challenge_service   the services: rows, and the functions for what takes more than that
--     challenge_operator  the other commands of `admin`: rows, but no partitions
--     challenge_readonly  reports and dashboards: reads everything but the secret of draws
--
-- Tables are made in the first schema of the search path.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['challenge_owner', 'challenge_service', 'challenge_operator', 'challenge_readonly']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    END LOOP;
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
    EXECUTE format('GRANT CREATE ON SCHEMA %I TO challenge_owner', current_schema());
END
$$;

-- Objects that other roles have made in this database until now become the owner's.
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('ALTER TABLE %s OWNER TO challenge_owner', oid::regclass)
        FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'm', 'v')
            -- Each waits for all calls that use the table.
            AND relowner <> 'challenge_owner'::regrole
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO challenge_owner', oid::regprocedure)
        FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace
            AND proowner <> 'challenge_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

-- Rights on the objects that exist, and on those that migrations will make.
DO $$
DECLARE
    rights text;
BEGIN
    FOREACH rights IN ARRAY ARRAY[
        'SELECT ON %s TO challenge_readonly',
        'SELECT, INSERT, UPDATE, DELETE ON %s TO challenge_service, challenge_operator'
    ]
    LOOP
        EXECUTE format('GRANT ' || rights, format('ALL TABLES IN SCHEMA %I', current_schema()));
        EXECUTE format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE challenge_owner IN SCHEMA %I GRANT ' || rights, current_schema(), 'TABLES'
        );
    END LOOP;
    EXECUTE format(
        'GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO challenge_service, challenge_operator', current_schema()
    );
    EXECUTE format(
        'ALTER DEFAULT PRIVILEGES FOR ROLE challenge_owner IN SCHEMA %I '
        'GRANT USAGE ON SEQUENCES TO challenge_service, challenge_operator',
        current_schema()
    );
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %I TO challenge_service', current_schema());
    EXECUTE format(
        'ALTER DEFAULT PRIVILEGES FOR ROLE challenge_owner IN SCHEMA %I GRANT EXECUTE ON FUNCTIONS TO challenge_service',
        current_schema()
    );
END
$$;

-- Only operators erase players.
DO $$
BEGIN
    IF to_regproc('erase_player') IS NOT NULL THEN
        REVOKE EXECUTE ON FUNCTION erase_player FROM challenge_service;
        GRANT EXECUTE ON FUNCTION erase_player TO challenge_operator;
    END IF;
END
$$;

-- Whoever knows this secret can predict which goals players will get.
DO $$
BEGIN
    IF to_regclass('draw_secret') IS NOT NULL THEN
        REVOKE ALL ON draw_secret FROM challenge_readonly;
    END IF;
END
$$;

-- Services have to see which standbys are synchronous (DATABASE_SYNCHRONOUS), operators which statements are expensive.
DO $$
BEGIN
    GRANT pg_read_all_stats TO challenge_service, challenge_operator;
EXCEPTION
    -- On hosted servers only some roles may pass it on.
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'GRANT pg_read_all_stats TO challenge_service, challenge_operator is left to an administrator: %', SQLERRM;
END
$$;

-- A pooler such as PgBouncer drops the options that services send when they connect. As settings of the roles they hold
-- all the same.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['challenge_service', 'challenge_operator']
    LOOP
        -- Citus refuses most generic plans.
        EXECUTE format('ALTER ROLE %I SET plan_cache_mode = %s', role, CASE
            WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN 'auto' ELSE 'force_generic_plan'
        END);
        -- One connection to each node, whatever the number of shards.
        IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
            EXECUTE format('ALTER ROLE %I SET citus.multi_shard_modify_mode = sequential', role);
        END IF;
        EXECUTE format('ALTER ROLE %I SET jit = off', role);
        EXECUTE format('ALTER ROLE %I SET synchronous_commit = on', role);
        EXECUTE format('ALTER ROLE %I SET client_connection_check_interval = %L', role, '500ms');
        EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', role, '30s');
        EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', role, '10s');
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', role, '30s');
        EXECUTE format('ALTER ROLE %I SET timezone = %L', role, 'UTC');
    END LOOP;
END
$$;

-- Nine tenths of the write-ahead log are images of pages that change for the first time since a checkpoint. lz4 makes them 0.43 to
-- 0.59 of the bytes and costs next to nothing; pglz, which every server has, takes four times the CPU of such an event (docs/capacity.md).
-- So where there is neither lz4 nor zstd the setting stays as it is, and so does a method that the server itself has.
DO $$
DECLARE
    role text;
    method text := (
        SELECT CASE WHEN 'lz4' = ANY (enumvals) THEN 'lz4' WHEN 'zstd' = ANY (enumvals) THEN 'zstd' END
        FROM pg_settings
        WHERE name = 'wal_compression' AND reset_val = 'off'
    );
BEGIN
    IF method IS NOT NULL THEN
        FOREACH role IN ARRAY ARRAY['challenge_service', 'challenge_operator']
        LOOP
            EXECUTE format('ALTER ROLE %I SET wal_compression = %s', role, method);
        END LOOP;
    END IF;
EXCEPTION
    -- Hosted servers keep this setting to themselves, and a worker node of a cluster may have been built without the method.
    WHEN insufficient_privilege OR invalid_parameter_value THEN
        RAISE NOTICE 'wal_compression is not set: %', SQLERRM;
END
$$;

DO $$
DECLARE
    role text;
    common_password text := current_setting('challenge.password', true);
BEGIN
    IF common_password <> '' THEN
        FOREACH role IN ARRAY ARRAY['challenge_owner', 'challenge_service', 'challenge_operator', 'challenge_readonly']
        LOOP
            EXECUTE format('ALTER ROLE %I PASSWORD %L', role, common_password);
        END LOOP;
    END IF;
END
$$;
