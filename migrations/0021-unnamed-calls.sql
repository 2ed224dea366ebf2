-- depends: 0019-pools
--
-- Calls without a request id get a place of their own, so that they do not push out the results of requests with one.
-- Adding a column with a constant default changes no row.

ALTER TABLE selection ADD COLUMN unnamed_calls bigint[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN selection.unnamed_calls IS
    'Random numbers of the latest calls without a request id, newest first: each finds out by it whether it was committed.';
