-- name: take_completions
-- Take completions of a goal in a period back, and keep them with their claims. A null occurrence takes all.
-- $1 user_id, $2 goal_id, $3 period_start, $4 occurrence
WITH taken AS (
    DELETE FROM completion
    WHERE user_id = $1
        AND goal_id = $2
        AND period_start = instant($3)
        AND ($4::integer IS NULL OR occurrence = $4)
    RETURNING *
)
INSERT INTO reopened_completion (
    user_id, goal_id, period_start, occurrence,
    complete_time, claim_time, claim_number, claimed_rewards, challenge_id, tags, points, active_since
)
SELECT
    user_id, goal_id, period_start, occurrence,
    complete_time, claim_time, claim_number, claimed_rewards, challenge_id, tags, points, active_since
FROM taken
RETURNING occurrence, complete_time, points, claim_time IS NOT NULL;

-- name: read_reopened
-- Return the reopened completions of a goal in a period.
-- $1 user_id, $2 goal_id, $3 period_start
SELECT occurrence, complete_time, challenge_id, to_json(tags)::text, points, active_since
FROM reopened_completion
WHERE user_id = $1 AND goal_id = $2 AND period_start = instant($3)
ORDER BY occurrence;

-- name: subtract_from_tallies
-- Subtract what completions had added to the tallies of goals over goals.
-- $1 user_id, $2 sources, $3 stat_codes, $4 schedules, $5 period_starts, $6 sums, $7 events
UPDATE tally
SET sum = greatest(0, tally.sum - taken.sum), events = greatest(0, tally.events - taken.events)
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
    AS taken (source, stat_code, schedule, period_start, sum, events)
WHERE tally.user_id = $1
    AND tally.source = taken.source
    AND tally.stat_code = taken.stat_code
    AND tally.schedule = taken.schedule
    AND tally.period_start = instant(taken.period_start);

-- name: take_tally
-- Delete a tally and return it as JSON, times in microseconds, and its days; no row if there was none.
-- $1 user_id, $2 source, $3 stat_code, $4 schedule, $5 period_start
WITH taken AS (
    DELETE FROM tally
    WHERE user_id = $1 AND source = $2 AND stat_code = $3 AND schedule = $4 AND period_start = instant($5)
    RETURNING *
)
SELECT
    json_build_object(
        'sum', sum, 'events', events, 'latest', latest, 'latest_time', microseconds(latest_time), 'highest', highest,
        'sum_time', microseconds(sum_time), 'events_time', microseconds(events_time),
        'highest_time', microseconds(highest_time), 'lowest_opening', lowest_opening
    )::text,
    days::text
FROM taken;

-- name: take_distinct_values
-- Delete the distinct values of a tally, and return them.
-- $1 user_id, $2 stat_code, $3 schedule, $4 period_start
DELETE FROM distinct_value
WHERE user_id = $1 AND stat_code = $2 AND schedule = $3 AND period_start = instant($4)
RETURNING encode(value_hash, 'hex');

-- name: take_baselines
-- Let a player's goals that count from their activation on count from zero in a period, and return where they began and
-- when they were activated.
-- $1 user_id, $2 goal_ids, $3 period_start
WITH taken AS (
    SELECT goal_id, baseline, active_since
    FROM assignment
    WHERE user_id = $1
        AND goal_id = ANY ($2::text[])
        AND coalesce(frozen_period_start, timestamptz 'epoch') = instant($3)
        AND baseline IS NOT NULL
    ORDER BY goal_id
    FOR UPDATE
)
UPDATE assignment
SET baseline = 0
FROM taken
WHERE assignment.user_id = $1 AND assignment.goal_id = taken.goal_id
RETURNING taken.goal_id, taken.baseline, microseconds(taken.active_since);

-- name: return_baselines
-- Let a player's goals begin to count in a period where they did before the tally was deleted, or, those that were activated
-- since, after what is returned to the tally.
-- $1 user_id, $2 period_start, of goals: $3 ids, $4 earlier baselines, $5 earlier activations, $6 returned measures
UPDATE assignment
SET baseline = CASE
    WHEN assignment.active_since = instant(taken.active_since) THEN taken.baseline
    ELSE assignment.baseline + taken.measure
END
FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) AS taken (goal_id, baseline, active_since, measure)
WHERE assignment.user_id = $1
    AND assignment.goal_id = taken.goal_id
    AND coalesce(frozen_period_start, timestamptz 'epoch') = instant($2)
    AND assignment.baseline IS NOT NULL;

-- name: return_distinct_values
-- Store distinct values again.
-- $1 user_id, $2 stat_code, $3 schedule, $4 period_start, $5 value_hashes
INSERT INTO distinct_value (user_id, schedule, period_start, stat_code, value_hash)
SELECT $1, $3, instant($4), $2, value_hash
FROM unnest($5::bytea[]) AS value_hash
ON CONFLICT (user_id, schedule, period_start, stat_code, value_hash) DO NOTHING;

-- name: distrust_boards_of_tally
-- Let no ranking of a tally in Redis be used any more until it is built again: a score there never falls.
-- $1 source, $2 stat_code, $3 schedule
UPDATE leaderboard
SET epoch = epoch + 1
FROM (
    SELECT board_id
    FROM leaderboard
    WHERE source = $1 AND stat_code = $2 AND schedule = $3
    ORDER BY board_id
    FOR NO KEY UPDATE
) AS locked
WHERE leaderboard.board_id = locked.board_id;
