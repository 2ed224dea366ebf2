-- depends: 0007-instants
--
-- The partition of a day may have been detached, by hand or by a restore that stopped half-way. It was taken for one that is
-- there: the day's events went to the default partition, and a resent event whose id is in the detached one was applied
-- again. Now such a table is attached. If it is not a former partition, attaching fails and the duty says so.
--
-- Replacing a function forgets SECURITY DEFINER, which the roles of a later setup need.
DO $migration$
DECLARE
    definer boolean := (SELECT prosecdef FROM pg_proc WHERE oid = 'make_event_seen_partition(date)'::regprocedure);
BEGIN
    CREATE OR REPLACE FUNCTION make_event_seen_partition(day date) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        partition text := 'event_seen_' || to_char(day, 'YYYYMMDD');
        existing regclass := to_regclass(partition);
    BEGIN
        IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = existing AND inhparent = 'event_seen'::regclass) THEN
            RETURN false;
        END IF;
        IF existing IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE event_seen INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', partition);
        END IF;
        LOCK TABLE event_seen_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format(
            'WITH caught AS (DELETE FROM event_seen_default WHERE event_day = %L RETURNING *)'
            ' INSERT INTO %I SELECT * FROM caught ON CONFLICT DO NOTHING',
            day, partition
        );
        EXECUTE format('ALTER TABLE event_seen ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition, day, day + 1);
        RETURN true;
    END
    $$;
    IF definer THEN
        EXECUTE format(
            'ALTER FUNCTION make_event_seen_partition(date) SECURITY DEFINER SET search_path = %I, pg_temp',
            current_schema()
        );
    END IF;
END
$migration$;
