-- name: try_lock_schema
-- Keep other sessions from changing the schema, and return true, unless one is changing it. The lock ends with the session.
-- $1 lock_key
SELECT pg_try_advisory_lock($1::bigint);

-- name: schema_rights
-- Return the role, the search path, the schema that new tables get into, and whether the role may create them there.
SELECT
    current_user, current_setting('search_path'), current_schema(),
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false);
