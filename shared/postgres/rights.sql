-- name: missing_rights
-- Return the role, the schema of its search path that it may use, and the rights that it lacks, as `RIGHT ON object`. Objects
-- that do not exist are not listed: a migration is missing then.
-- $1 tables, $2 rights, $3 functions
SELECT current_user, current_schema(), ARRAY(
    SELECT "right" || ' ON TABLE ' || "table"
    FROM unnest($1::text[], $2::text[]) AS needed ("table", "right")
    WHERE NOT has_table_privilege(to_regclass("table"), "right")
    UNION ALL
    SELECT 'EXECUTE ON FUNCTION ' || function
    FROM unnest($3::text[]) AS needed (function)
    WHERE NOT has_function_privilege(to_regprocedure(function), 'EXECUTE')
);
