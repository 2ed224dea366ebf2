-- depends: 0040-immutable-instants
--
-- The transaction that recorded an event, where tables are distributed: the xmin of a row is that of a node there, and does not
-- tell whether a COMMIT whose reply was lost succeeded. Adding a column without a default changes no row, and elsewhere no
-- event has it.
ALTER TABLE event_seen ADD COLUMN transaction_id bigint;

COMMENT ON COLUMN event_seen.transaction_id IS 'Id of the transaction on the coordinator; null where tables are not distributed.';

-- Days that were detached are attached again one day, which takes the same columns.
DO $$
DECLARE
    detached regclass;
BEGIN
    FOR detached IN
        SELECT class.oid
        FROM pg_class AS class
        JOIN pg_attribute ON attrelid = class.oid AND attname = 'event_hash' AND NOT attisdropped
        WHERE class.relnamespace = current_schema()::regnamespace
            AND class.relkind = 'r'
            AND class.relname ~ '^event_seen_[0-9]{8}$'
            AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = class.oid)
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS transaction_id bigint', detached);
    END LOOP;
END
$$;
