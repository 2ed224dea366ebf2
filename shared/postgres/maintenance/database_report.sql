-- name: has_statement_statistics
-- Return whether the extension pg_stat_statements is installed.
SELECT to_regclass('pg_stat_statements') IS NOT NULL;

-- name: slow_statements
-- Return the statements of this database with the greatest total time.
-- $1 count_max
SELECT
    round(total_exec_time)::bigint, calls, round(mean_exec_time * 1000)::bigint, rows,
    shared_blks_hit, shared_blks_read, left(regexp_replace(query, '\s+', ' ', 'g'), 2000)
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY total_exec_time DESC
LIMIT $1::integer;

-- name: table_health
-- Return size, bloat, share of HOT updates and buffer hits of every table, with the ledger's partitions added up. Bloat
-- is estimated from the planner's statistics: existing pages against those that the rows would fill.
WITH width AS (
    SELECT tablename, sum((1 - null_frac) * avg_width) AS row_bytes
    FROM pg_stats
    WHERE schemaname = current_schema()
    GROUP BY tablename
),
measured AS (
    SELECT
        regexp_replace(activity.relname, '^event_seen_(default|[0-9]{8})$', 'event_seen') AS name,
        pg_table_size(activity.relid) AS table_bytes,
        pg_indexes_size(activity.relid) AS index_bytes,
        activity.n_live_tup, activity.n_dead_tup, activity.n_tup_upd, activity.n_tup_hot_upd,
        buffers.heap_blks_hit + coalesce(buffers.idx_blks_hit, 0) AS hits,
        buffers.heap_blks_read + coalesce(buffers.idx_blks_read, 0) AS reads,
        -- A row takes a header, a line pointer and its columns, rounded up to 8 bytes. A page has 24 bytes of header and
        -- the free part that the fillfactor leaves.
        greatest(0, relation.relpages - ceil(
            relation.reltuples * (28 + 8 * ceil(width.row_bytes / 8)) / (
                (current_setting('block_size')::integer - 24) * coalesce(substring(
                    array_to_string(relation.reloptions, ' ') FROM 'fillfactor=([0-9]+)'
                )::numeric, 100) / 100
            )
        )) * current_setting('block_size')::integer AS bloat_bytes
    FROM pg_stat_user_tables AS activity
    JOIN pg_statio_user_tables AS buffers ON buffers.relid = activity.relid
    JOIN pg_class AS relation ON relation.oid = activity.relid
    LEFT JOIN width ON width.tablename = activity.relname AND relation.reltuples > 0
    WHERE activity.schemaname = current_schema()
        AND activity.relname NOT LIKE E'\\_yoyo%' AND activity.relname NOT LIKE E'yoyo\\_%'
)
SELECT
    name, sum(table_bytes)::bigint, sum(index_bytes)::bigint, sum(n_live_tup)::bigint, sum(n_dead_tup)::bigint,
    sum(bloat_bytes)::bigint, sum(n_tup_upd)::bigint, sum(n_tup_hot_upd)::bigint, sum(hits)::bigint, sum(reads)::bigint
FROM measured
GROUP BY name
ORDER BY sum(table_bytes + index_bytes) DESC, name;

-- name: index_use
-- Return how often every index was used since statistics were reset, with the ledger's partitions added up; whether it
-- enforces uniqueness, for which it need not be read; and whether it is valid.
SELECT name, table_name, sum(scans)::bigint, sum(bytes)::bigint, bool_or(keeps_unique), bool_and(valid)
FROM (
    SELECT
        regexp_replace(activity.indexrelname, '^event_seen_(default|[0-9]{8})', 'event_seen') AS name,
        regexp_replace(activity.relname, '^event_seen_(default|[0-9]{8})$', 'event_seen') AS table_name,
        activity.idx_scan AS scans,
        pg_relation_size(activity.indexrelid) AS bytes,
        index.indisunique AS keeps_unique,
        index.indisvalid AS valid
    FROM pg_stat_user_indexes AS activity
    JOIN pg_index AS index ON index.indexrelid = activity.indexrelid
    WHERE activity.schemaname = current_schema()
        AND activity.relname NOT LIKE E'\\_yoyo%' AND activity.relname NOT LIKE E'yoyo\\_%'
) AS used
GROUP BY name, table_name
ORDER BY sum(scans), name;

-- name: database_activity
-- Return the activity of the database since its statistics were reset.
SELECT
    blks_hit, blks_read, xact_commit, xact_rollback, deadlocks, temp_bytes, pg_database_size(datname), stats_reset,
    pg_size_bytes(current_setting('shared_buffers'))
FROM pg_stat_database
WHERE datname = current_database();
