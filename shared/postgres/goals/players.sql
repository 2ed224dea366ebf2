-- name: read_player
-- Return everything that a player's goals are judged by, in one round trip and one row: five lookups by primary key,
-- each of their columns an array. The fifth is that of packed completions. The first has the player's time zone and all
-- zones that the player has named. Arrays are null where there are no rows; instants are integers. The occurrences of
-- completions are null if all of them are 1, and so are the claimed rewards if none has several, and baselines if there
-- are none.
-- $1 user_id
SELECT
    (SELECT time_zone || zone_names FROM player WHERE user_id = $1),
    tallies.*,
    assignments.*,
    completions.*,
    packed.goal_ids, packed.complete_times, packed.claim_times, packed.claimed_rewards, packed.occurrences
FROM (
    SELECT
        array_agg(source), array_agg(stat_code),
        array_agg(sum), array_agg(events), array_agg(highest), array_agg(day_count), array_agg(latest)
    FROM tally
    WHERE user_id = $1 AND schedule = 'lifetime'
) AS tallies,
(
    SELECT
        array_agg(goal_id), array_agg(active),
        array_agg(microseconds(active_since)),
        array_agg(frozen_progress),
        array_agg(microseconds(frozen_period_start)),
        CASE WHEN count(baseline) > 0 THEN array_agg(baseline) END
    FROM assignment
    WHERE user_id = $1
) AS assignments,
(
    SELECT
        array_agg(goal_id),
        array_agg(microseconds(complete_time)),
        array_agg(microseconds(claim_time)),
        CASE WHEN max(claimed_rewards) IS NOT NULL THEN array_agg(claimed_rewards) END,
        CASE WHEN max(occurrence) > 1 THEN array_agg(occurrence) END
    FROM completion
    WHERE user_id = $1 AND period_start = timestamptz 'epoch'
) AS completions
LEFT JOIN settled_completion AS packed ON packed.user_id = $1 AND packed.to_start = timestamptz 'epoch';

-- name: read_player_by_period
-- Return what read_player does, and the same of the current periods: tallies by the full prefix of their primary key,
-- and completions by the starts of the periods. Whatever belongs to past periods is not visited: OFFSET keeps the planner
-- from reading all of a player's rows and joining them. Then the goals of pools that are stored as the player's: an array
-- of pools, of starts and of goals.
-- Periods that may be current are ranges of starts, because a player's zones are known only after this statement.
-- $1 user_id, $2 schedules, $3 first_starts, $4 last_starts, $5 first_starts and $6 last_starts of any schedule,
-- $7 goal_ids of which it matters whether they ever were completed, $8 challenge_ids of pools, $9 first_starts and
-- $10 last_starts of their periods, $11 attributes
SELECT
    (SELECT time_zone || zone_names FROM player WHERE user_id = $1),
    (SELECT zone_times FROM player WHERE user_id = $1),
    (
        SELECT array_agg(goal_id)
        FROM unnest($7::text[]) AS required (goal_id)
        WHERE EXISTS (
            SELECT FROM completion
            WHERE user_id = $1
                AND completion.goal_id = required.goal_id
                AND period_start <> timestamptz 'epoch'
            OFFSET 0
        )
        OR EXISTS (
            SELECT FROM settled_completion
            WHERE user_id = $1 AND to_start <> timestamptz 'epoch' AND required.goal_id = ANY (goal_ids)
            OFFSET 0
        )
        OR EXISTS (
            SELECT FROM carried_completion
            WHERE user_id = $1 AND carried_completion.goal_id = required.goal_id
            OFFSET 0
        )
    ),
    (SELECT array_agg(attribute) FROM player_attribute WHERE user_id = $1 AND attribute = ANY ($11::text[])),
    selections.*,
    tallies.*,
    assignments.*,
    completions.*,
    period_tallies.*,
    period_completions.*,
    packed.goal_ids, packed.complete_times, packed.claim_times, packed.claimed_rewards, packed.occurrences
FROM (
    SELECT
        array_agg(source), array_agg(stat_code),
        array_agg(sum), array_agg(events), array_agg(highest), array_agg(day_count), array_agg(latest)
    FROM tally
    WHERE user_id = $1 AND schedule = 'lifetime'
) AS tallies,
(
    SELECT
        array_agg(goal_id), array_agg(active),
        array_agg(microseconds(active_since)),
        array_agg(frozen_progress),
        array_agg(microseconds(frozen_period_start)),
        CASE WHEN count(baseline) > 0 THEN array_agg(baseline) END
    FROM assignment
    WHERE user_id = $1
) AS assignments,
(
    SELECT
        array_agg(goal_id),
        array_agg(microseconds(complete_time)),
        array_agg(microseconds(claim_time)),
        CASE WHEN max(claimed_rewards) IS NOT NULL THEN array_agg(claimed_rewards) END,
        CASE WHEN max(occurrence) > 1 THEN array_agg(occurrence) END
    FROM completion
    WHERE user_id = $1 AND period_start = timestamptz 'epoch'
) AS completions,
(
    SELECT
        array_agg(source), array_agg(stat_code),
        array_agg(sum), array_agg(events), array_agg(highest), array_agg(day_count), array_agg(latest),
        array_agg(schedule), array_agg(microseconds(period_start))
    FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS current (current_schedule, first_start, last_start)
    CROSS JOIN LATERAL (
        SELECT * FROM tally
        WHERE user_id = $1
            AND schedule = current_schedule
            AND period_start >= instant(first_start)
            AND period_start <= instant(last_start)
        OFFSET 0
    ) AS tally
) AS period_tallies,
(
    SELECT
        array_agg(goal_id),
        array_agg(microseconds(complete_time)),
        array_agg(microseconds(claim_time)),
        CASE WHEN max(claimed_rewards) IS NOT NULL THEN array_agg(claimed_rewards) END,
        array_agg(microseconds(period_start)),
        CASE WHEN max(occurrence) > 1 THEN array_agg(occurrence) END
    FROM unnest($5::bigint[], $6::bigint[]) AS current (first_start, last_start)
    CROSS JOIN LATERAL (
        SELECT * FROM completion
        WHERE user_id = $1 AND period_start >= instant(first_start) AND period_start <= instant(last_start)
        OFFSET 0
    ) AS completion
) AS period_completions,
(
    SELECT array_agg(challenge_id), array_agg(microseconds(period_start)), array_agg(goal_id)
    FROM unnest($8::text[], $9::bigint[], $10::bigint[]) AS pool (pool_id, first_start, last_start)
    CROSS JOIN LATERAL (
        SELECT * FROM selection
        WHERE user_id = $1
            AND challenge_id = pool_id
            AND period_start >= instant(first_start)
            AND period_start <= instant(last_start)
        OFFSET 0
    ) AS selection
    CROSS JOIN unnest(goal_ids) WITH ORDINALITY AS selected (goal_id, place)
) AS selections
LEFT JOIN settled_completion AS packed ON packed.user_id = $1 AND packed.to_start = timestamptz 'epoch';

-- name: insert_player
-- Store a new player; return a row exactly when this statement stored it. A player whose events were counted by the days
-- of the default zone before names a zone now: if it held for those days, too, what was counted in them would be lost.
-- $1 user_id, $2 time_zone, $3 initialize_time, $4 zone_times, $5 zone_names, $6 schedules that depend on the player
INSERT INTO player (user_id, time_zone, initialize_time, zone_times, zone_names)
SELECT
    $1, $2, instant($3),
    CASE
        WHEN
            $4::bigint[] <> '{}'
            AND EXISTS (SELECT FROM tally WHERE user_id = $1 AND schedule = ANY ($6::text[]) OFFSET 0)
            THEN ARRAY[$3::bigint]
        ELSE $4::bigint[]
    END,
    $5::text[]
ON CONFLICT (user_id) DO NOTHING
RETURNING user_id;
