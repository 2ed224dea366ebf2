ALTER TABLE event_seen DROP COLUMN transaction_id;

-- Days that were detached, too: they would not fit any more.
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
        EXECUTE format('ALTER TABLE %s DROP COLUMN IF EXISTS transaction_id', detached);
    END LOOP;
END
$$;
