-- name: transaction_status
-- What became of a transaction: committed, aborted, in progress, or null if it is too long ago.
SELECT pg_xact_status($1::text::xid8);
