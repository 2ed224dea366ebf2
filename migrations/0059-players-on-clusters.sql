-- depends: 0058-failures-of-grants
--
-- Lets players be imported, and be erased, where tables are distributed. Functions are replaced, and return what they did.

-- As before; the stored rows are counted one by one, because Citus counts those with a conflict, too.
CREATE OR REPLACE FUNCTION store_import_rows(target name) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    stored bigint := 0;
    stored_of text;
BEGIN
    IF target = 'reward_outbox' THEN
        DELETE FROM pg_temp.import_row AS row
        USING settled_grant AS settled
        WHERE settled.user_id = row.user_id
            AND settled.period_start = row.period_start
            AND settled.goal_id = row.goal_id
            AND settled.occurrence = row.occurrence
            AND settled.claim_number = row.claim_number
            AND settled.reward_number = row.reward_number;
    END IF;
    FOR stored_of IN
        EXECUTE format('INSERT INTO %I SELECT * FROM pg_temp.import_row ON CONFLICT DO NOTHING RETURNING user_id', target)
    LOOP
        stored := stored + 1;
    END LOOP;
    RETURN stored;
END
$$;

-- As before, with a column in each subquery: Citus cannot pass on rows without columns.
CREATE OR REPLACE FUNCTION player_traces(player text) RETURNS SETOF name LANGUAGE plpgsql STABLE AS $$
DECLARE
    stored name;
    found_one integer;
BEGIN
    FOR stored IN
        SELECT class.relname
        FROM pg_class AS class
        JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
        WHERE class.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tally'::regclass)
            AND class.relkind IN ('r', 'p')
            AND NOT class.relispartition
            AND attribute.attname = 'user_id'
            AND NOT attribute.attisdropped
            -- They have no index that begins with the player, or do not tell that a player is here.
            AND class.relname NOT IN ('leaderboard_final', 'event_seen', 'player_tombstone')
        ORDER BY class.relname
    LOOP
        EXECUTE format('SELECT 1 FROM %I WHERE user_id = $1 LIMIT 1', stored) INTO found_one USING player;
        IF found_one IS NOT NULL THEN
            RETURN NEXT stored;
        END IF;
    END LOOP;
    IF EXISTS (
        SELECT 1
        FROM leaderboard_period AS period
        JOIN leaderboard_final AS final
            ON final.board_id = period.board_id AND final.period_start = period.period_start AND final.user_id = player
    ) THEN
        RETURN NEXT name 'leaderboard_final';
    END IF;
    IF EXISTS (
        SELECT 1
        FROM event_seen AS seen
        WHERE seen.user_id = player AND seen.event_day = ANY (ARRAY (
            SELECT to_date(right(child.relname, 8), 'YYYYMMDD')
            FROM pg_inherits
            JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
            WHERE pg_inherits.inhparent = 'event_seen'::regclass AND child.relname ~ '^event_seen_[0-9]{8}$'
            UNION
            SELECT event_day FROM event_seen_default WHERE event_seen_default.user_id = player
        ))
    ) THEN
        RETURN NEXT name 'event_seen';
    END IF;
END
$$;
