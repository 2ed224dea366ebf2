-- name: lock_tally_pruning
-- Try to become the one transaction that prunes tallies, or stay it. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 6);

-- name: first_open_periods
-- Return, by schedule, the start of the oldest period whose rankings are not final: they are computed from tallies.
SELECT schedule, min(period_start)
FROM leaderboard_period
JOIN leaderboard USING (board_id)
WHERE final_time IS NULL
GROUP BY schedule;

-- name: prune_tallies
-- Delete, in a range of players, tallies of periods that begin before an instant, by schedule; return their number. No
-- event changes these rows any more, so nothing waits for their locks. Note the challenges that their players have
-- started with them, as count_challenges defines it, unless they have completed a goal of the challenge.
-- $1 after_user_id, $2 last_user_id, $3 schedules, $4 before_instants, and of the goals with these schedules:
-- $5 challenge_ids, $6 goal_ids, $7 sources, $8 stat_codes, $9 goals' schedules, $10 measures, $11 default_assigned
WITH pruned AS (
    DELETE FROM tally
    USING unnest($3::text[], $4::bigint[]) AS past (past_schedule, before)
    WHERE user_id > $1
        AND user_id <= $2
        AND schedule = past_schedule
        AND period_start < instant(before)
    RETURNING user_id, source, stat_code, schedule, period_start, sum, events, highest, day_count
),
progress AS (
    SELECT
        user_id, source, stat_code, schedule,
        max(sum) AS sum, max(events) AS events, max(highest) AS highest, max(day_count) AS day_count
    FROM pruned
    GROUP BY user_id, source, stat_code, schedule
),
goal AS (
    SELECT *
    FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::boolean[])
        AS defined (challenge_id, goal_id, source, stat_code, schedule, measure, default_assigned)
),
known AS (
    SELECT user_id, challenge_id FROM started_challenge WHERE user_id > $1 AND user_id <= $2
    UNION ALL
    SELECT user_id, scope_id
    FROM standing
    WHERE user_id > $1 AND user_id <= $2 AND schedule = 'lifetime' AND scope = 'challenge' AND completed > 0
),
-- Most players have started most challenges long ago. Only for the others all goals are looked at.
candidate AS (
    SELECT DISTINCT progress.user_id, watching.challenge_id
    FROM progress
    JOIN (SELECT DISTINCT challenge_id, source, stat_code, schedule FROM goal) AS watching
        USING (source, stat_code, schedule)
    LEFT JOIN known ON known.user_id = progress.user_id AND known.challenge_id = watching.challenge_id
    WHERE known.user_id IS NULL
),
started AS (
    INSERT INTO started_challenge (user_id, challenge_id)
    SELECT DISTINCT candidate.user_id, candidate.challenge_id
    FROM candidate
    JOIN goal USING (challenge_id)
    JOIN progress USING (user_id, source, stat_code, schedule)
    LEFT JOIN (
        SELECT user_id, goal_id, active, active_since, frozen_period_start, baseline
        FROM assignment
        WHERE user_id > $1 AND user_id <= $2
    ) AS choice USING (user_id, goal_id)
    WHERE coalesce(choice.active, default_assigned)
        AND CASE measure WHEN 'sum' THEN sum WHEN 'events' THEN events WHEN 'days' THEN day_count ELSE highest END > 0
        -- A goal that counts from its activation on counts what its periods have brought since then.
        AND (
            baseline IS NULL
            OR EXISTS (
                SELECT FROM pruned
                WHERE pruned.user_id = candidate.user_id
                    AND pruned.source = goal.source
                    AND pruned.stat_code = goal.stat_code
                    AND pruned.schedule = goal.schedule
                    AND CASE measure WHEN 'sum' THEN pruned.sum WHEN 'events' THEN pruned.events ELSE pruned.day_count END
                        > CASE
                            WHEN pruned.period_start = frozen_period_start THEN baseline
                            WHEN pruned.period_start > active_since THEN 0
                        END
            )
        )
    ORDER BY candidate.user_id, candidate.challenge_id
    ON CONFLICT (user_id, challenge_id) DO NOTHING
)
SELECT count(*) FROM pruned;
