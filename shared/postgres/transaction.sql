-- name: transaction_status
-- Return the outcome of a transaction: committed, aborted, in progress, or null if it is too old to know.
-- $1 transaction_id
SELECT pg_xact_status($1::text::xid8);
