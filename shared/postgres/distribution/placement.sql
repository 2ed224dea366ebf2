-- name: has_citus
-- Return whether the extension that distributes tables is installed.
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus');

-- name: table_placements
-- Return the tables of the schema that Citus knows, without partitions: the column that they are distributed by, null for
-- reference tables; their colocation group; and the number of their shards. Tables that only the coordinator has are missing.
SELECT
    class.relname::text,
    CASE WHEN partition.partmethod = 'h' THEN column_to_column_name(class.oid, partition.partkey) END,
    partition.colocationid,
    (SELECT count(*) FROM pg_dist_shard AS shard WHERE shard.logicalrelid = class.oid)
FROM pg_dist_partition AS partition
JOIN pg_class AS class ON class.oid = partition.logicalrelid
WHERE class.relnamespace = current_schema()::regnamespace
    AND NOT class.relispartition
    AND (partition.partmethod <> 'n' OR partition.repmodel = 't')
ORDER BY class.relname;

-- name: distributable_tables
-- Return the tables of the schema without partitions, and whether each has a column user_id.
SELECT class.relname::text, EXISTS (
    SELECT FROM pg_attribute AS attribute
    WHERE attribute.attrelid = class.oid AND attribute.attname = 'user_id' AND NOT attribute.attisdropped
)
FROM pg_class AS class
WHERE class.relnamespace = current_schema()::regnamespace
    AND class.relkind IN ('r', 'p')
    AND NOT class.relispartition
    AND class.relname NOT LIKE E'\\_yoyo%' AND class.relname NOT LIKE E'yoyo\\_%'
ORDER BY class.relname;

-- name: visit_every_shard
-- Read from every shard, and nothing that is there: it fails while a node is away.
SELECT count(*) FROM player WHERE user_id < '';
