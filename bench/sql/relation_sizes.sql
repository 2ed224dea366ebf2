-- The tables of players that have rows, with their indexes: the table, the relation, whether it is an index, bytes, rows. The
-- partitions of the ledger count as one table.
SELECT
    coalesce(parent.relname, tables.relname)::text, relation.relname::text, relation.relkind = 'i',
    pg_relation_size(relation.oid)
        + CASE WHEN relation.relkind = 'i' THEN 0 ELSE coalesce(pg_relation_size(nullif(relation.reltoastrelid, 0)), 0) END,
    tables.reltuples::bigint
FROM pg_class AS tables
LEFT JOIN pg_inherits ON inhrelid = tables.oid
LEFT JOIN pg_class AS parent ON parent.oid = inhparent
JOIN pg_class AS relation
    ON relation.oid = tables.oid OR relation.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = tables.oid)
WHERE tables.relnamespace = current_schema()::regnamespace
    AND tables.relkind = 'r'
    AND tables.reltuples > 0
    AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = tables.oid AND attname = 'user_id' AND NOT attisdropped)
ORDER BY 1, 3, 2;
