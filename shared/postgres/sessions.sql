-- name: session_state
-- Return whether writes are refused, the encoding of the database, the options of the session that are required, its
-- process, and whether this statement is prepared under its own name: a pooler that keeps prepared statements renames them.
SELECT
    current_setting('transaction_read_only') = 'on', current_setting('server_encoding'),
    current_setting('TimeZone'), current_setting('synchronous_commit'), current_setting('statement_timeout'),
    current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),
    current_setting('plan_cache_mode'), current_setting('citus.multi_shard_modify_mode', true),
    pg_backend_pid(), EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'session_state');
