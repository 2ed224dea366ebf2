-- name: list_indexes
-- Return every index of the current schema's tables, except those of partitions, which follow their parent. An index
-- that is being built is not valid yet and counts as valid. Where builds of others may not be inspected, any of them
-- may be the one.
SELECT
    relation.relname, tables.relname, pg_get_indexdef(relation.oid, 0, true),
    EXISTS (SELECT FROM pg_constraint WHERE conindid = relation.oid),
    (index.indisvalid AND index.indisready AND index.indislive)
        OR EXISTS (
            SELECT
            FROM pg_stat_progress_create_index AS building
            WHERE building.datname = current_database()
                AND coalesce(building.index_relid, relation.oid) = relation.oid
        )
FROM pg_index AS index
JOIN pg_class AS relation ON relation.oid = index.indexrelid
JOIN pg_class AS tables ON tables.oid = index.indrelid
WHERE tables.relnamespace = current_schema()::regnamespace
    AND NOT tables.relispartition
    AND tables.relname NOT LIKE E'\\_yoyo%' AND tables.relname NOT LIKE E'yoyo\\_%'
ORDER BY tables.relname, relation.relname;
