-- name: lock_challenge_count
-- Try to become the one transaction that counts challenges. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 5);

-- name: last_challenge_count
-- Return when challenges were last counted, nulls if never, and how many changes of the counted tables Postgres has
-- recorded by now. Postgres records a transaction's changes within seconds.
SELECT count_time, catalogue_version, changes, duration_us, (
    SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint
    FROM pg_stat_user_tables
    WHERE schemaname = current_schema() AND relname IN ('tally', 'standing', 'assignment')
)
FROM (VALUES (true)) AS always (only_row)
LEFT JOIN challenge_count USING (only_row);

-- name: enlarge_count_memory
-- Let this transaction sort and hash in memory, so that counting spills less to disk.
SELECT set_config('work_mem', '64MB', true);

-- name: end_of_range
-- Return the last player of a range that begins after a player and spans about this many tallies; no row if fewer are
-- left.
-- $1 after_user_id, $2 tallies
SELECT user_id FROM tally WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;

-- name: count_challenges
-- Count, in a range of players, who has started the challenges of a catalogue, and what was completed and claimed in
-- all challenges that ever were. A player has started a challenge with progress in a goal that is active by default and
-- was not switched off, or that was switched on; with frozen progress; or with a completion. Goals of one challenge
-- that are judged by the same measure of a tally are grouped, so that its players are visited once for all of them. A
-- goal with a schedule has begun with progress in any period, also in one whose tallies were deleted. A player who has
-- completed it several times counts once: standings have all of them, so challenges with such goals are counted by
-- completions, those carried forward included.
-- $1 after_user_id, $2 last_user_id, and of all goals: $3 challenge_ids, $4 goal_ids, $5 sources, $6 stat_codes,
-- $7 schedules, $8 measures, $9 default_assigned, $10 repeats
WITH goal AS (
    SELECT challenge_id, goal_id, source, stat_code, schedule, measure, default_assigned, repeats
    FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[], $10::boolean[])
        AS defined (challenge_id, goal_id, source, stat_code, schedule, measure, default_assigned, repeats)
),
repeating AS (
    SELECT DISTINCT challenge_id FROM goal WHERE schedule <> 'lifetime' OR repeats
),
watched AS (
    SELECT challenge_id, source, stat_code, schedule, measure, count(*) AS goals
    FROM goal
    WHERE default_assigned
    GROUP BY challenge_id, source, stat_code, schedule, measure
),
switched_off AS (
    SELECT assignment.user_id, challenge_id, source, stat_code, schedule, measure, count(*) AS goals
    FROM assignment
    JOIN goal ON goal.goal_id = assignment.goal_id AND goal.default_assigned
    WHERE assignment.user_id > $1 AND assignment.user_id <= $2 AND NOT assignment.active
    GROUP BY assignment.user_id, challenge_id, source, stat_code, schedule, measure
),
progress AS (
    SELECT user_id, source, stat_code, schedule, period_start, sum, events, highest, day_count
    FROM tally
    WHERE user_id > $1 AND user_id <= $2 AND (schedule = 'lifetime' OR schedule = ANY ($7::text[]))
),
begun AS (
    SELECT watched.challenge_id, progress.user_id
    FROM watched
    JOIN progress
        ON progress.source = watched.source
        AND progress.stat_code = watched.stat_code
        AND progress.schedule = watched.schedule
    LEFT JOIN switched_off
        ON switched_off.user_id = progress.user_id
        AND switched_off.challenge_id = watched.challenge_id
        AND switched_off.source = watched.source
        AND switched_off.stat_code = watched.stat_code
        AND switched_off.schedule = watched.schedule
        AND switched_off.measure = watched.measure
    WHERE switched_off.goals IS DISTINCT FROM watched.goals
        AND CASE watched.measure
            WHEN 'sum' THEN progress.sum WHEN 'events' THEN events WHEN 'days' THEN day_count ELSE highest
        END > 0
    UNION
    SELECT goal.challenge_id, assignment.user_id
    FROM assignment
    JOIN goal ON goal.goal_id = assignment.goal_id
    LEFT JOIN progress
        ON progress.user_id = assignment.user_id
        AND progress.source = goal.source
        AND progress.stat_code = goal.stat_code
        AND progress.schedule = goal.schedule
    WHERE assignment.user_id > $1 AND assignment.user_id <= $2
        AND CASE
            WHEN NOT assignment.active THEN frozen_progress
            WHEN measure = 'sum' THEN progress.sum
            WHEN measure = 'events' THEN events
            WHEN measure = 'days' THEN day_count
            ELSE highest
        END > CASE WHEN assignment.active AND progress.period_start = coalesce(frozen_period_start, timestamptz 'epoch')
            THEN coalesce(baseline, 0)
            ELSE 0
        END
        -- A goal that counts from its activation on counts nothing in periods before.
        AND (
            NOT assignment.active
            OR baseline IS NULL
            OR progress.period_start = coalesce(frozen_period_start, timestamptz 'epoch')
            OR progress.period_start > active_since
        )
    UNION
    SELECT scope_id, user_id
    FROM standing
    WHERE user_id > $1 AND user_id <= $2 AND schedule = 'lifetime' AND scope = 'challenge' AND completed > 0
    UNION
    SELECT challenge_id, user_id
    FROM started_challenge
    WHERE user_id > $1 AND user_id <= $2 AND challenge_id IN (SELECT challenge_id FROM goal)
),
started AS (
    SELECT challenge_id, count(*) AS started FROM begun GROUP BY challenge_id
),
reached AS (
    SELECT scope_id AS challenge_id, sum(completed) AS completed, sum(claimed) AS claimed
    FROM standing
    WHERE user_id > $1 AND user_id <= $2 AND schedule = 'lifetime' AND scope = 'challenge'
        AND scope_id NOT IN (SELECT challenge_id FROM repeating)
    GROUP BY scope_id
    UNION ALL
    SELECT challenge_id, count(*), count(*) FILTER (WHERE claimed)
    FROM (
        SELECT challenge_id, bool_or(claimed) AS claimed
        FROM (
            SELECT challenge_id, user_id, goal_id, claim_time IS NOT NULL AS claimed
            FROM completion
            WHERE EXISTS (SELECT FROM repeating) AND user_id > $1 AND user_id <= $2
            UNION ALL
            SELECT challenge_id, user_id, goal_id, claimed > 0
            FROM carried_completion
            WHERE EXISTS (SELECT FROM repeating) AND user_id > $1 AND user_id <= $2
        ) AS reached
        WHERE challenge_id IN (SELECT challenge_id FROM repeating)
        GROUP BY challenge_id, user_id, goal_id
    ) AS once
    GROUP BY challenge_id
)
SELECT challenge_id, coalesce(started, 0)::bigint, coalesce(completed, 0)::bigint, coalesce(claimed, 0)::bigint
FROM started
FULL JOIN reached USING (challenge_id);

-- name: drop_challenge_reports
-- Delete the previous counts.
DELETE FROM challenge_report;

-- name: store_challenge_reports
-- Store the counts.
-- $1 challenge_ids, $2 started, $3 completed, $4 claimed, $5 report_time
INSERT INTO challenge_report (challenge_id, started, completed, claimed, report_time)
SELECT challenge_id, started, completed, claimed, instant($5)
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
    AS counted (challenge_id, started, completed, claimed);

-- name: note_challenge_count
-- Record the pass that counted challenges.
-- $1 count_time, $2 catalogue_version, $3 changes, $4 duration_us
INSERT INTO challenge_count (count_time, catalogue_version, changes, duration_us)
VALUES (instant($1), $2, $3, $4)
ON CONFLICT (only_row) DO UPDATE SET
    count_time = excluded.count_time,
    catalogue_version = excluded.catalogue_version,
    changes = excluded.changes,
    duration_us = excluded.duration_us;

-- name: read_challenge_reports
-- Return the last counts of these challenges; null means of all that ever were.
-- $1 challenge_ids
SELECT challenge_id, started, completed, claimed, report_time
FROM challenge_report
WHERE $1::text[] IS NULL OR challenge_id = ANY ($1::text[])
ORDER BY challenge_id;
