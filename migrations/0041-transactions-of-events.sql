-- depends: 0040-immutable-instants
--
-- The transaction that recorded an event, where tables are distributed: the xmin of a row is that of a node there, and does not
-- tell whether a COMMIT whose reply was lost succeeded. Adding a column without a default changes no row, and elsewhere no
-- event has it.
ALTER TABLE event_seen ADD COLUMN transaction_id bigint;

COMMENT ON COLUMN event_seen.transaction_id IS 'Id of the transaction on the coordinator; null where tables are not distributed.';
