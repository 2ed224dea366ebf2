-- name: transaction_status
-- What became of a transaction: committed, aborted, in progress, or null if it is too long ago.
SELECT pg_xact_status($1::text::xid8);

-- name: allow_long_statements
-- Lets the statements of this transaction run for so long.
SELECT set_config('statement_timeout', $1::text, true);
