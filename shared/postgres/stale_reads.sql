-- name: log_position
-- Return whether the server is a standby, and the position in bytes up to which it has written, or replayed, the log.
SELECT
    pg_is_in_recovery(),
    (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END - '0/0')::bigint;
