-- name: session_state
-- Return whether writes are refused, the encoding of the database, and the options of the session that are required.
SELECT
    current_setting('transaction_read_only') = 'on', current_setting('server_encoding'),
    current_setting('TimeZone'), current_setting('synchronous_commit'), current_setting('statement_timeout'),
    current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout');
