-- Packed completions return to the table completion, where the release before looks for them: some 20 s for a million. Calls that
-- store completions wait for the end of it.
DROP VIEW every_completion;
LOCK TABLE settled_completion IN ACCESS EXCLUSIVE MODE;

INSERT INTO completion (
    user_id, goal_id, period_start, occurrence, complete_time, claim_time, claim_number, challenge_id, tags, points,
    active_since, claimed_rewards
)
SELECT
    user_id, goal_id, instant(period_start), coalesce(occurrence, 1), instant(complete_time), instant(claim_time),
    claim_number, challenge_id, tags::text[], points, instant(active_since), claimed_rewards
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
        unnest(claimed_rewards) AS claimed_rewards
    FROM settled_completion
) AS settled
ON CONFLICT (user_id, period_start, goal_id, occurrence) DO NOTHING;

CREATE OR REPLACE FUNCTION player_tables() RETURNS SETOF name LANGUAGE sql STABLE AS $$
    SELECT class.relname
    FROM pg_class AS class
    JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
    WHERE class.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tally'::regclass)
        AND class.relkind = 'r'
        AND NOT class.relispartition
        AND attribute.attname = 'user_id'
        AND NOT attribute.attisdropped
        AND class.relname NOT IN ('leaderboard_final', 'operator_audit', 'player_tombstone')
    ORDER BY
        array_position(
            ARRAY['player', 'selection', 'distinct_value', 'tally', 'assignment', 'completion', 'reopened_completion']::name[],
            class.relname
        ) NULLS LAST,
        -- Standings are locked last.
        class.relname = 'standing',
        class.relname
$$;

CREATE OR REPLACE FUNCTION player_rows(player text) RETURNS TABLE (kind name, content jsonb) LANGUAGE plpgsql STABLE AS $$
BEGIN
    FOR kind IN SELECT player_tables() LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L::name, to_jsonb(stored) - ''moved'' FROM %I AS stored WHERE user_id = $1 ORDER BY stored',
            kind, CASE kind WHEN 'reward_outbox' THEN 'reward_claim' ELSE kind END
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

CREATE OR REPLACE FUNCTION player_ids(after text, count_max integer) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
    every text;
BEGIN
    SELECT string_agg(
        format('(SELECT DISTINCT user_id FROM %I WHERE user_id > $1 ORDER BY user_id LIMIT $2)', stored), ' UNION '
    )
    INTO every
    FROM (SELECT player_tables() UNION ALL VALUES (name 'leaderboard_final'), (name 'settled_grant')) AS tables (stored);
    RETURN QUERY EXECUTE every || ' ORDER BY user_id LIMIT $2' USING after, count_max;
END
$$;

DROP TABLE settled_completion;
DROP FUNCTION analyze_settled_completion();
