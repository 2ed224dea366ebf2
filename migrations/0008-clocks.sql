-- depends: 0007-instants
--
-- One wrong clock must not destroy shared state. What cannot be undone (dropping a day of the ledger, making a ranking
-- final) is due only once it is due by the clock of the process and by the clock of the database. And whatever clocks and
-- settings say, a day whose event ids were dropped accepts no events any more.

-- The only place that reads the database's clock. Everything else is passed the time that it works with.
CREATE FUNCTION database_time() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN now();

COMMENT ON FUNCTION database_time IS 'The start of the transaction by the clock of the database.';

-- The days that the ledger holds. Dropping a day and changing this row are one transaction.
CREATE TABLE event_ledger (
    only_row  boolean NOT NULL DEFAULT true,
    first_day date NOT NULL,
    CONSTRAINT event_ledger_pkey PRIMARY KEY (only_row),
    CONSTRAINT event_ledger_is_one_row CHECK (only_row)
);

COMMENT ON COLUMN event_ledger.first_day IS 'First day whose event ids are all held. An event of an earlier day is too old for good.';

-- Days before the oldest partition were dropped.
INSERT INTO event_ledger (first_day)
SELECT coalesce(min(to_date(right(child.relname, 8), 'YYYYMMDD')), date '0001-01-01')
FROM pg_inherits
JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
WHERE pg_inherits.inhparent = 'event_seen'::regclass AND child.relname ~ '^event_seen_[0-9]{8}$';

-- The accepted ages of events in the settings of the event handlers that run. Each handler renews its row.
CREATE TABLE event_horizon (
    horizon_us bigint NOT NULL,
    renew_time timestamptz NOT NULL,
    CONSTRAINT event_horizon_pkey PRIMARY KEY (horizon_us),
    CONSTRAINT event_horizon_positive CHECK (horizon_us > 0)
);

COMMENT ON COLUMN event_horizon.horizon_us IS 'Accepted age of events in microseconds.';
COMMENT ON COLUMN event_horizon.renew_time IS 'When a handler with this setting was last seen, by the clock of the database.';

-- The greatest horizon that a handler renewed within a day. By both clocks: if one of them jumps ahead, no horizon expires.
CREATE FUNCTION event_horizon_in_force(process_time timestamptz) RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(max(horizon_us), 0) * interval '1 microsecond'
    FROM event_horizon
    WHERE renew_time > least(process_time, database_time()) - interval '1 day'
);

COMMENT ON FUNCTION event_horizon_in_force IS 'The greatest accepted age of events; zero if no handler runs.';

-- Drops the oldest day of the ledger if it lies before this date, and if by the database's clock no handler accepts its
-- events any more, with a day to spare. Returns how many days were dropped: one at most, so that a mistake is seen before
-- it has taken everything. Handlers of the release before call it, too.
--
-- The date itself tells the time of the process, as a lower bound: it lies before now by the horizon and a day. So a horizon
-- counts here for some days longer than elsewhere, and days are dropped later rather than sooner.
--
-- Replacing a function forgets SECURITY DEFINER, which services need that do not own the tables.
DO $migration$
DECLARE
    definer boolean := (SELECT prosecdef FROM pg_proc WHERE oid = 'drop_event_seen_partitions(date)'::regprocedure);
BEGIN
    CREATE OR REPLACE FUNCTION drop_event_seen_partitions(before date) RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        oldest text;
        oldest_day date;
        horizon interval := event_horizon_in_force(before::timestamp AT TIME ZONE 'UTC');
        accepted_from date := ((database_time() - horizon) AT TIME ZONE 'UTC')::date;
    BEGIN
        SELECT child.relname, to_date(right(child.relname, 8), 'YYYYMMDD')
        INTO oldest, oldest_day
        FROM pg_inherits
        JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
        WHERE pg_inherits.inhparent = 'event_seen'::regclass AND child.relname ~ '^event_seen_[0-9]{8}$'
        ORDER BY child.relname
        LIMIT 1;
        IF oldest IS NULL OR oldest_day >= least(before, accepted_from - 1) THEN
            RETURN 0;
        END IF;
        -- Waits for inserts that have read the old first day, and keeps others waiting until they read the new one.
        EXECUTE format('DROP TABLE %I', oldest);
        UPDATE event_ledger SET first_day = greatest(first_day, oldest_day + 1);
        RETURN 1;
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
