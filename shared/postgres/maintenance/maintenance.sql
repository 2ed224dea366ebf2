-- name: try_schema_lock
-- Try to become the only session that changes the schema. The lock ends with the session.
-- $1 lock_key
SELECT pg_try_advisory_lock($1::bigint);

-- name: table_activity
-- Return what has happened to every table since it was last vacuumed and analyzed.
SELECT
    relname, n_live_tup, n_dead_tup, n_mod_since_analyze, n_ins_since_vacuum,
    last_analyze IS NOT NULL OR last_autoanalyze IS NOT NULL
FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND relname NOT LIKE E'\\_yoyo%' AND relname NOT LIKE E'yoyo\\_%'
ORDER BY relname;

-- name: has_prewarm
-- Return whether the extension pg_prewarm is installed.
SELECT to_regproc('pg_prewarm') IS NOT NULL;

-- name: indexes_to_warm
-- Return indexes of the tables that calls read, the smallest first, as long as they fill at most half of the buffers.
SELECT name
FROM (
    SELECT
        indexrelid::regclass::text AS name,
        sum(pg_relation_size(indexrelid)) OVER (ORDER BY pg_relation_size(indexrelid), indexrelid) AS bytes_so_far
    FROM pg_stat_user_indexes
    WHERE schemaname = current_schema()
        AND relname IN ('player', 'tally', 'assignment', 'completion', 'settled_completion', 'standing',
            'leaderboard_ranking', 'leaderboard_bucket')
) AS candidate
WHERE bytes_so_far <= pg_size_bytes(current_setting('shared_buffers')) / 2
ORDER BY bytes_so_far;

-- name: warm_index
-- Read an index into the buffers and return its number of pages.
-- $1 index_name
SELECT pg_prewarm($1::regclass);

-- name: players_seen
-- Return a page of the players who had events on a day, by id, each found by one step into the ledger's index.
-- $1 day, $2 after_user_id, $3 count_max
WITH RECURSIVE seen (user_id, place) AS (
    (
        SELECT user_id, 1
        FROM event_seen
        WHERE event_day = date 'epoch' + $1::integer AND user_id > $2
        ORDER BY user_id
        LIMIT 1
    )
    UNION ALL
    SELECT following.user_id, seen.place + 1
    FROM seen
    CROSS JOIN LATERAL (
        SELECT event_seen.user_id
        FROM event_seen
        WHERE event_day = date 'epoch' + $1::integer AND event_seen.user_id > seen.user_id
        ORDER BY event_seen.user_id
        LIMIT 1
    ) AS following
    WHERE seen.place < $3::integer
)
SELECT user_id FROM seen;

-- name: read_rows_of_players
-- Read everything that calls read of these players and return the number of rows.
-- $1 user_ids
SELECT
    (SELECT count(player.*) FROM player WHERE user_id = ANY ($1::text[]))
    + (SELECT count(tally.*) FROM tally WHERE user_id = ANY ($1::text[]))
    + (SELECT count(assignment.*) FROM assignment WHERE user_id = ANY ($1::text[]))
    + (SELECT count(completion.*) FROM completion WHERE user_id = ANY ($1::text[]))
    + (SELECT count(settled_completion.*) FROM settled_completion WHERE user_id = ANY ($1::text[]))
    + (SELECT count(standing.*) FROM standing WHERE user_id = ANY ($1::text[]));
