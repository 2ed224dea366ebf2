-- name: allow_long_statements
-- Set the statement timeout for the rest of this transaction.
-- $1 timeout
SELECT set_config('statement_timeout', $1::text, true);
