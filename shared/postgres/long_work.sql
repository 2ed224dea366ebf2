-- name: allow_long_statements
-- Lets the statements of this transaction run for so long.
SELECT set_config('statement_timeout', $1::text, true);
