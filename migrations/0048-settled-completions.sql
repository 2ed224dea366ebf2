-- depends: 0047-audits-of-deleted-grants
--
-- Claimed completions of a player can be packed: many of them in one row with an array for each column, a tenth of their size.
-- Every read looks at both tables, by the view every_completion or beside it. Nothing is packed before COMPLETION_PACK_D is
-- set, which is done once all processes run this release: the one before would not find what is packed.

-- The arrays stand beside each other: the completions of a row are what has the same position in all of them. The server
-- compresses each of them, and none leaves the row unless that exceeds a page. Times are integers, as lists read them.
CREATE TABLE settled_completion (
    user_id         text COLLATE "C" NOT NULL,
    to_start        timestamptz NOT NULL,
    from_start      timestamptz NOT NULL,
    goal_ids        text[] COLLATE "C" NOT NULL,
    period_starts   bigint[] NOT NULL,
    occurrences     integer[],
    complete_times  bigint[] NOT NULL,
    claim_times     bigint[] NOT NULL,
    claim_numbers   integer[] NOT NULL,
    challenge_ids   text[] COLLATE "C" NOT NULL,
    tags            text[] COLLATE "C" NOT NULL,
    points          bigint[] NOT NULL,
    active_sinces   bigint[] NOT NULL,
    claimed_rewards integer[],
    CONSTRAINT settled_completion_pkey PRIMARY KEY (user_id, to_start),
    CONSTRAINT settled_completion_of_one_length CHECK (
        cardinality(goal_ids) BETWEEN 1 AND 1024
        AND cardinality(period_starts) = cardinality(goal_ids)
        AND cardinality(occurrences) = cardinality(goal_ids)
        AND cardinality(complete_times) = cardinality(goal_ids)
        AND cardinality(claim_times) = cardinality(goal_ids)
        AND cardinality(claim_numbers) = cardinality(goal_ids)
        AND cardinality(challenge_ids) = cardinality(goal_ids)
        AND cardinality(tags) = cardinality(goal_ids)
        AND cardinality(points) = cardinality(goal_ids)
        AND cardinality(active_sinces) = cardinality(goal_ids)
        AND cardinality(claimed_rewards) = cardinality(goal_ids)
    )
) WITH (toast_tuple_target = 128);

DO $$
DECLARE
    packed name;
BEGIN
    FOR packed IN
        SELECT attname FROM pg_attribute WHERE attrelid = 'settled_completion'::regclass AND attnum > 0 AND attndims > 0
    LOOP
        EXECUTE format('ALTER TABLE settled_completion ALTER COLUMN %I SET STORAGE MAIN', packed);
        -- No plan depends on what is in the arrays, and ANALYZE would unpack them.
        EXECUTE format('ALTER TABLE settled_completion ALTER COLUMN %I SET STATISTICS 0', packed);
    END LOOP;
END
$$;

-- Sessions keep plans, and one that was made while the table was empty would read all of it later: whoever packs lets them be made
-- again each time that the table doubles.
CREATE FUNCTION analyze_settled_completion() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF pg_relation_size('settled_completion') <= (
        SELECT 2 * relpages * current_setting('block_size')::bigint FROM pg_class WHERE oid = 'settled_completion'::regclass
    ) THEN
        RETURN false;
    END IF;
    -- A step of the duty does not wait for a VACUUM. The next one tries again.
    ANALYZE (SKIP_LOCKED) settled_completion;
    RETURN true;
END
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION analyze_settled_completion() SECURITY DEFINER SET search_path = %I, pg_temp', current_schema()
    );
    REVOKE EXECUTE ON FUNCTION analyze_settled_completion() FROM PUBLIC;
END
$$;

COMMENT ON TABLE settled_completion IS 'Claimed completions of a player, packed: the lifetime''s, or those of periods that start in one month.';
COMMENT ON COLUMN settled_completion.to_start IS 'No period of them starts later: the last microsecond of the month (UTC), or 1970-01-01T00:00:00Z for the lifetime.';
COMMENT ON COLUMN settled_completion.from_start IS 'No period of them starts earlier.';
COMMENT ON COLUMN settled_completion.period_starts IS 'As other times in microseconds since 1970-01-01T00:00:00Z.';
COMMENT ON COLUMN settled_completion.occurrences IS 'Null: all are 1.';
COMMENT ON COLUMN settled_completion.claimed_rewards IS 'Null: all are null.';
COMMENT ON COLUMN settled_completion.tags IS 'Each is the literal of an array of tags.';

-- Every completion, packed or not: the columns of the table completion, and between which instants the periods of its row
-- start. A statement sees each completion once, because it is packed and unpacked in one transaction. Whoever looks for a period
-- compares to_start and from_start, too: these find rows by their key.
CREATE VIEW every_completion AS
SELECT
    user_id, goal_id, period_start, occurrence, complete_time, claim_time, claim_number, challenge_id, tags, points,
    active_since, claimed_rewards, period_start AS from_start, period_start AS to_start
FROM completion
UNION ALL
SELECT
    user_id, goal_id, instant(period_start), coalesce(occurrence, 1), instant(complete_time), instant(claim_time),
    claim_number, challenge_id, tags::text[], points, instant(active_since), claimed_rewards, from_start, to_start
FROM (
    SELECT
        user_id,
        unnest(goal_ids) AS goal_id,
        unnest(period_starts) AS period_start,
        unnest(occurrences) AS occurrence,
        unnest(complete_times) AS complete_time,
        unnest(claim_times) AS claim_time,
        unnest(claim_numbers) AS claim_number,
        unnest(challenge_ids) AS challenge_id,
        unnest(tags) AS tags,
        unnest(points) AS points,
        unnest(active_sinces) AS active_since,
        unnest(claimed_rewards) AS claimed_rewards,
        from_start,
        to_start
    FROM settled_completion
) AS settled;

-- As before, without the packed completions, which are no rows of their own: they are exported as rows of the table completion,
-- and unpacked before a player is erased or imported again.
CREATE OR REPLACE FUNCTION player_tables() RETURNS SETOF name LANGUAGE sql STABLE AS $$
    SELECT class.relname
    FROM pg_class AS class
    JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
    WHERE class.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tally'::regclass)
        AND class.relkind = 'r'
        AND NOT class.relispartition
        AND attribute.attname = 'user_id'
        AND NOT attribute.attisdropped
        AND class.relname NOT IN ('leaderboard_final', 'operator_audit', 'player_tombstone', 'settled_completion')
    ORDER BY
        array_position(
            ARRAY['player', 'selection', 'distinct_value', 'tally', 'assignment', 'completion', 'reopened_completion']::name[],
            class.relname
        ) NULLS LAST,
        -- Standings are locked last.
        class.relname = 'standing',
        class.relname
$$;

-- As before; completions that are packed are shown as rows of the table completion.
CREATE OR REPLACE FUNCTION player_rows(player text) RETURNS TABLE (kind name, content jsonb) LANGUAGE plpgsql STABLE AS $$
BEGIN
    FOR kind IN SELECT player_tables() LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L::name, to_jsonb(stored) - ''{moved,from_start,to_start}''::text[] FROM %I AS stored'
            ' WHERE user_id = $1 ORDER BY stored',
            kind,
            CASE kind WHEN 'reward_outbox' THEN 'reward_claim' WHEN 'completion' THEN 'every_completion' ELSE kind END
        ) USING player;
    END LOOP;
    RETURN QUERY
    SELECT name 'leaderboard_final', to_jsonb(final)
    FROM leaderboard_period AS period
    JOIN leaderboard_final AS final
        ON final.board_id = period.board_id AND final.period_start = period.period_start AND final.user_id = player
    WHERE period.final_time IS NOT NULL
    ORDER BY final.board_id, final.period_start;
    RETURN QUERY
    SELECT name 'event_seen', to_jsonb(seen)
    FROM event_seen AS seen
    WHERE seen.user_id = player AND seen.event_day = ANY (ARRAY (
        SELECT to_date(right(child.relname, 8), 'YYYYMMDD')
        FROM pg_inherits
        JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
        WHERE pg_inherits.inhparent = 'event_seen'::regclass AND child.relname ~ '^event_seen_[0-9]{8}$'
        UNION
        SELECT event_day FROM event_seen_default WHERE event_seen_default.user_id = player
    ))
    ORDER BY seen.event_day, seen.event_hash;
    RETURN QUERY
    SELECT name 'operator_audit', to_jsonb(audit) FROM operator_audit AS audit WHERE user_id = player ORDER BY audit_id;
END
$$;

-- As before, with players of whom nothing but packed completions is stored.
CREATE OR REPLACE FUNCTION player_ids(after text, count_max integer) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
    every text;
BEGIN
    SELECT string_agg(
        format('(SELECT DISTINCT user_id FROM %I WHERE user_id > $1 ORDER BY user_id LIMIT $2)', stored), ' UNION '
    )
    INTO every
    FROM (
        SELECT player_tables()
        UNION ALL VALUES (name 'leaderboard_final'), (name 'settled_grant'), (name 'settled_completion')
    ) AS tables (stored);
    RETURN QUERY EXECUTE every || ' ORDER BY user_id LIMIT $2' USING after, count_max;
END
$$;
