-- As in 0001-player-progress, with the rights that it has now.
DO $migration$
DECLARE
    definer boolean := (SELECT prosecdef FROM pg_proc WHERE oid = 'drop_event_seen_partitions(date)'::regprocedure);
BEGIN
    CREATE OR REPLACE FUNCTION drop_event_seen_partitions(before date) RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        partition text;
        dropped integer := 0;
    BEGIN
        FOR partition IN
            SELECT child.relname
            FROM pg_inherits
            JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
            WHERE pg_inherits.inhparent = 'event_seen'::regclass
                AND child.relname < 'event_seen_' || to_char(before, 'YYYYMMDD')
                AND child.relname <> 'event_seen_default'
        LOOP
            EXECUTE format('DROP TABLE %I', partition);
            dropped := dropped + 1;
        END LOOP;
        RETURN dropped;
    END
    $$;
    IF definer THEN
        EXECUTE format(
            'ALTER FUNCTION drop_event_seen_partitions(date) SECURITY DEFINER SET search_path = %I, pg_temp',
            current_schema()
        );
    END IF;
END
$migration$;
DROP FUNCTION event_horizon_in_force(timestamptz);
DROP TABLE event_horizon;
DROP TABLE event_ledger;
DROP FUNCTION database_time();
