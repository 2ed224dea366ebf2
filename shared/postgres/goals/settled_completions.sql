-- name: lock_packing
-- Let no other transaction pack or unpack completions of these players until the transaction ends. Keys are locked in
-- their order.
-- $1 user_ids
SELECT count(pg_advisory_xact_lock(1667785071, key))
FROM (SELECT DISTINCT hashtext(user_id) & 63 AS key FROM unnest($1::text[]) AS player (user_id) ORDER BY key) AS sorted;

-- name: try_lock_packing
-- Do the same for one player without waiting; return whether it is done.
-- $1 user_id
SELECT pg_try_advisory_xact_lock(1667785071, hashtext($1) & 63);

-- name: unpack_completions
-- Make completions of players that are packed rows of their own again, and return how many: all, or those of periods that
-- begin before an instant, with others of their months. Packing must be locked for the players.
-- $1 user_ids, $2 before
WITH taken AS (
    DELETE FROM settled_completion
    WHERE user_id = ANY ($1::text[])
        AND ($2::bigint IS NULL OR (to_start <> timestamptz 'epoch' AND from_start < instant($2)))
    RETURNING *
),
unpacked AS (
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
    FROM taken
),
stored AS (
    INSERT INTO completion (
        user_id, goal_id, period_start, occurrence, complete_time, claim_time, claim_number, challenge_id, tags, points,
        active_since, claimed_rewards
    )
    SELECT
        user_id, goal_id, instant(period_start), coalesce(occurrence, 1), instant(complete_time), instant(claim_time),
        claim_number, challenge_id, tags::text[], points, instant(active_since), claimed_rewards
    FROM unpacked
    ORDER BY user_id, goal_id, period_start, occurrence
    ON CONFLICT (user_id, period_start, goal_id, occurrence) DO NOTHING
)
SELECT count(*) FROM unpacked;

-- name: unpack_named_completions
-- Make those of these completions that are packed rows of their own again, and return how many. The rows that they were in
-- are written again without them. Packing must be locked for the players.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences
WITH taken AS (
    DELETE FROM settled_completion
    WHERE user_id = ANY ($1::text[])
        AND EXISTS (
            SELECT
            FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[]) AS wanted (player, goal, start, number)
            CROSS JOIN LATERAL unnest(goal_ids, period_starts, occurrences) AS packed (packed_goal, packed_start, packed_number)
            WHERE player = user_id
                AND to_start >= instant(start)
                AND from_start <= instant(start)
                AND packed_goal = goal
                AND packed_start = start
                AND coalesce(packed_number, 1) = number
        )
    RETURNING *
),
unpacked AS (
    SELECT
        user_id, to_start, from_start,
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
    FROM taken
),
marked AS (
    SELECT
        *,
        (user_id, goal_id, period_start, coalesce(occurrence, 1)) IN (
            SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[])
        ) AS is_wanted
    FROM unpacked
),
kept AS (
    INSERT INTO settled_completion (
        user_id, to_start, from_start, goal_ids, period_starts, occurrences, complete_times, claim_times, claim_numbers,
        challenge_ids, tags, points, active_sinces, claimed_rewards
    )
    SELECT
        user_id, to_start, from_start, array_agg(goal_id), array_agg(period_start),
        CASE WHEN max(occurrence) > 1 THEN array_agg(occurrence) END,
        array_agg(complete_time), array_agg(claim_time), array_agg(claim_number), array_agg(challenge_id), array_agg(tags),
        array_agg(points), array_agg(active_since),
        CASE WHEN max(claimed_rewards) IS NOT NULL THEN array_agg(claimed_rewards) END
    FROM (
        SELECT *
        FROM marked
        WHERE NOT is_wanted
        ORDER BY user_id, to_start, from_start, goal_id, period_start, occurrence
    ) AS others
    GROUP BY user_id, to_start, from_start
),
stored AS (
    INSERT INTO completion (
        user_id, goal_id, period_start, occurrence, complete_time, claim_time, claim_number, challenge_id, tags, points,
        active_since, claimed_rewards
    )
    SELECT
        user_id, goal_id, instant(period_start), coalesce(occurrence, 1), instant(complete_time), instant(claim_time),
        claim_number, challenge_id, tags::text[], points, instant(active_since), claimed_rewards
    FROM marked
    WHERE is_wanted
    ON CONFLICT (user_id, period_start, goal_id, occurrence) DO NOTHING
)
SELECT count(*) FROM marked WHERE is_wanted;

-- name: read_stored_completions
-- Return those of these completions that are stored, packed or not, in one look at each player.
-- $1 user_ids, $2 goal_ids, $3 period_starts, $4 occurrences
SELECT user_id, goal_id, period_start, occurrence
FROM (
    SELECT completion.user_id, completion.goal_id, completion.period_start, completion.occurrence
    FROM completion
    JOIN unnest($1::text[], $2::text[], $3::bigint[], $4::integer[]) AS claimed (user_id, goal_id, start, occurrence)
        ON completion.user_id = claimed.user_id
        AND completion.period_start = instant(claimed.start)
        AND completion.goal_id = claimed.goal_id
        AND completion.occurrence = claimed.occurrence
    UNION ALL
    SELECT settled.user_id, claimed.goal_id, instant(claimed.start), claimed.occurrence
    FROM settled_completion AS settled
    JOIN unnest($1::text[], $2::text[], $3::bigint[], $4::integer[]) AS claimed (user_id, goal_id, start, occurrence)
        ON settled.user_id = claimed.user_id
        AND settled.to_start >= instant(claimed.start)
        AND settled.from_start <= instant(claimed.start)
        AND claimed.goal_id = ANY (settled.goal_ids)
    WHERE EXISTS (
        SELECT 1
        FROM unnest(settled.goal_ids, settled.period_starts, settled.occurrences) AS packed (goal_id, start, occurrence)
        WHERE packed.goal_id = claimed.goal_id
            AND packed.start = claimed.start
            AND coalesce(packed.occurrence, 1) = claimed.occurrence
    )
) AS stored;

-- name: players_with_old_packed
-- Return the first players of a range who have packed completions of periods that begin before an instant.
-- $1 after_user_id, $2 last_user_id, $3 before, $4 count_max
SELECT DISTINCT user_id
FROM settled_completion
WHERE user_id > $1 AND user_id <= $2 AND to_start <> timestamptz 'epoch' AND from_start < instant($3)
ORDER BY user_id
LIMIT $4::integer;

-- name: end_of_packed
-- Return the last player of a range that begins after a player and spans about this many rows of packed completions; no row
-- if fewer are left.
-- $1 after_user_id, $2 rows
SELECT user_id FROM settled_completion WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;

-- name: players_to_pack
-- Return the players of a range who have at least a number of completions that were claimed before an instant.
-- $1 after_user_id, $2 last_user_id, $3 claimed_before, $4 count_min
SELECT user_id
FROM completion
WHERE user_id > $1 AND user_id <= $2 AND claim_time < instant($3)
GROUP BY user_id
HAVING count(*) >= $4::integer
ORDER BY user_id;

-- name: analyze_packed
-- Let plans be made again if the table of packed completions has doubled since; return whether it has.
SELECT analyze_settled_completion();

-- name: lock_tallies_of_player
-- Lock the lifetime tallies of a player, or fail at once, and return their stats. Whoever stores a completion has that of the
-- goal's stat locked.
-- $1 user_id
SELECT source, stat_code
FROM tally
WHERE user_id = $1 AND schedule = 'lifetime' AND period_start = timestamptz 'epoch'
FOR UPDATE NOWAIT;

-- name: read_claimed_completions
-- Return the completions of a player that were claimed before an instant, the oldest claims first, with the end of the month in
-- which the period starts; 0 stands for the lifetime.
-- $1 user_id, $2 claimed_before
SELECT
    goal_id, microseconds(period_start), occurrence,
    CASE
        WHEN period_start = timestamptz 'epoch' THEN 0
        ELSE microseconds((date_trunc('month', period_start AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC') - 1
    END
FROM completion
WHERE user_id = $1 AND claim_time < instant($2)
ORDER BY claim_time, goal_id, period_start, occurrence;

-- name: lock_claimed_completions
-- Do the same, and lock them, or fail at once.
-- $1 user_id, $2 claimed_before
SELECT
    goal_id, microseconds(period_start), occurrence,
    CASE
        WHEN period_start = timestamptz 'epoch' THEN 0
        ELSE microseconds((date_trunc('month', period_start AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC') - 1
    END
FROM completion
WHERE user_id = $1 AND claim_time < instant($2)
ORDER BY claim_time, goal_id, period_start, occurrence
FOR UPDATE NOWAIT;

-- name: read_open_grants
-- Return the completions of a player that have a grant which may still change, each once.
-- $1 user_id
SELECT DISTINCT goal_id, microseconds(period_start), occurrence
FROM reward_outbox
WHERE user_id = $1 AND state NOT IN ('GRANTED', 'REFUSED', 'REFUNDED');

-- name: count_packed
-- Return how many completions each packed row of a player has, by the end of its month; 0 stands for the lifetime.
-- $1 user_id
SELECT microseconds(to_start), cardinality(goal_ids) FROM settled_completion WHERE user_id = $1;

-- name: pack_completions
-- Delete locked completions of a player, and add them to the packed rows of their months; return how many there were. Goals
-- are sorted, which compresses best.
-- $1 user_id, $2 goal_ids, $3 period_starts, $4 occurrences, $5 ends of the months of their periods
WITH taken AS (
    DELETE FROM completion
    USING unnest($2::text[], $3::bigint[], $4::integer[], $5::bigint[]) AS locked (locked_goal, start, number, month_end)
    WHERE user_id = $1 AND period_start = instant(start) AND goal_id = locked_goal AND occurrence = number
    RETURNING completion.*, instant(month_end) AS to_start
),
freed AS (
    DELETE FROM settled_completion
    WHERE user_id = $1 AND to_start IN (SELECT to_start FROM taken)
    RETURNING *
),
stored AS (
    INSERT INTO settled_completion (
        user_id, to_start, from_start, goal_ids, period_starts, occurrences, complete_times, claim_times, claim_numbers,
        challenge_ids, tags, points, active_sinces, claimed_rewards
    )
    SELECT
        $1, to_start,
        CASE
            WHEN to_start = timestamptz 'epoch' THEN to_start
            ELSE date_trunc('month', to_start AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
        END,
        array_agg(goal_id), array_agg(period_start),
        CASE WHEN max(occurrence) > 1 THEN array_agg(occurrence) END,
        array_agg(complete_time), array_agg(claim_time), array_agg(claim_number), array_agg(challenge_id), array_agg(tags),
        array_agg(points), array_agg(active_since),
        CASE WHEN max(claimed_rewards) IS NOT NULL THEN array_agg(claimed_rewards) END
    FROM (
        SELECT *
        FROM (
            SELECT
                to_start, goal_id, microseconds(period_start) AS period_start, occurrence,
                microseconds(complete_time) AS complete_time, microseconds(claim_time) AS claim_time, claim_number,
                challenge_id, tags::text AS tags, points, microseconds(active_since) AS active_since, claimed_rewards
            FROM taken
            UNION ALL
            SELECT
                to_start, goal_id, period_start, coalesce(occurrence, 1), complete_time, claim_time, claim_number,
                challenge_id, tags, points, active_since, claimed_rewards
            FROM (
                SELECT
                    to_start, unnest(goal_ids) AS goal_id, unnest(period_starts) AS period_start,
                    unnest(occurrences) AS occurrence, unnest(complete_times) AS complete_time,
                    unnest(claim_times) AS claim_time, unnest(claim_numbers) AS claim_number,
                    unnest(challenge_ids) AS challenge_id, unnest(tags) AS tags, unnest(points) AS points,
                    unnest(active_sinces) AS active_since, unnest(claimed_rewards) AS claimed_rewards
                FROM freed
            ) AS packed
        ) AS unsorted
        ORDER BY to_start, goal_id, period_start, occurrence
    ) AS sorted
    GROUP BY to_start
)
SELECT count(*) FROM taken;
