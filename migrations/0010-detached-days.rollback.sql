DO $migration$
DECLARE
    definer boolean := (SELECT prosecdef FROM pg_proc WHERE oid = 'make_event_seen_partition(date)'::regprocedure);
BEGIN
    CREATE OR REPLACE FUNCTION make_event_seen_partition(day date) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        partition text := 'event_seen_' || to_char(day, 'YYYYMMDD');
    BEGIN
        IF to_regclass(partition) IS NOT NULL THEN
            RETURN false;
        END IF;
        EXECUTE format('CREATE TABLE %I (LIKE event_seen INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', partition);
        LOCK TABLE event_seen_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format(
            'WITH caught AS (DELETE FROM event_seen_default WHERE event_day = %L RETURNING *) INSERT INTO %I SELECT * FROM caught',
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
