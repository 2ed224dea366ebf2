-- name: lock_schema
-- Wait until no other session changes the schema, and keep others from it. The lock ends with the session.
-- $1 lock_key
SELECT pg_advisory_lock($1::bigint);

-- name: schema_rights
-- Return the role, the search path, the schema that new tables get into, and whether the role may create them there.
SELECT
    current_user, current_setting('search_path'), current_schema(),
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false);
