-- name: lock_challenge_count
-- Whether this transaction is the one that counts challenges now; the lock ends with it.
SELECT pg_try_advisory_xact_lock(1667785068, 5);

-- name: last_challenge_count
-- When challenges were last counted, and how many changes Postgres has counted by now of what they are counted by; nulls
-- where they never were. What a transaction has changed, Postgres counts within seconds.
SELECT count_time, catalogue_version, changes, duration_us, (
    SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint
    FROM pg_stat_user_tables
    WHERE schemaname = current_schema() AND relname IN ('tally', 'standing', 'assignment')
)
FROM (VALUES (true)) AS always (only_row)
LEFT JOIN challenge_count USING (only_row);

-- name: enlarge_count_memory
-- Counting spills less to disk; ends with the transaction.
SELECT set_config('work_mem', '64MB', true);

-- name: end_of_range
-- The last player of a range that begins after a player and has about so many tallies; no row if there are fewer left.
SELECT user_id FROM tally WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;

-- name: count_challenges
-- Counts, for the goals of a catalogue, who in a range of players has begun its challenges, and what was completed and
-- claimed in all that ever were. Somebody has begun a challenge with progress in a goal that is active by default and was
-- not switched off, or that was switched on; with progress that was frozen; or with a completion. Goals of a challenge that
-- are judged by the same measure of a tally are looked at together, so that its players are met once for all of them.
WITH goal AS (
    SELECT challenge_id, goal_id, source, stat_code, measure, default_assigned
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[])
        AS defined (challenge_id, goal_id, source, stat_code, measure, default_assigned)
),
watched AS (
    SELECT challenge_id, source, stat_code, measure, count(*) AS goals
    FROM goal
    WHERE default_assigned
    GROUP BY challenge_id, source, stat_code, measure
),
switched_off AS (
    SELECT assignment.user_id, challenge_id, source, stat_code, measure, count(*) AS goals
    FROM assignment
    JOIN goal ON goal.goal_id = assignment.goal_id AND goal.default_assigned
    WHERE assignment.user_id > $7 AND assignment.user_id <= $8 AND NOT assignment.active
    GROUP BY assignment.user_id, challenge_id, source, stat_code, measure
),
progress AS (
    SELECT user_id, source, stat_code, sum, events, highest, day_count
    FROM tally
    WHERE user_id > $7 AND user_id <= $8 AND schedule = 'lifetime'
),
begun AS (
    SELECT watched.challenge_id, progress.user_id
    FROM watched
    JOIN progress ON progress.source = watched.source AND progress.stat_code = watched.stat_code
    LEFT JOIN switched_off
        ON switched_off.user_id = progress.user_id
        AND switched_off.challenge_id = watched.challenge_id
        AND switched_off.source = watched.source
        AND switched_off.stat_code = watched.stat_code
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
    WHERE assignment.user_id > $7 AND assignment.user_id <= $8
        AND CASE
            WHEN NOT assignment.active THEN frozen_progress
            WHEN measure = 'sum' THEN progress.sum
            WHEN measure = 'events' THEN events
            WHEN measure = 'days' THEN day_count
            ELSE highest
        END > 0
    UNION
    SELECT scope_id, user_id
    FROM standing
    WHERE user_id > $7 AND user_id <= $8 AND schedule = 'lifetime' AND scope = 'challenge' AND completed > 0
),
started AS (
    SELECT challenge_id, count(*) AS started FROM begun GROUP BY challenge_id
),
reached AS (
    SELECT scope_id AS challenge_id, sum(completed) AS completed, sum(claimed) AS claimed
    FROM standing
    WHERE user_id > $7 AND user_id <= $8 AND schedule = 'lifetime' AND scope = 'challenge'
    GROUP BY scope_id
)
SELECT challenge_id, coalesce(started, 0)::bigint, coalesce(completed, 0)::bigint, coalesce(claimed, 0)::bigint
FROM started
FULL JOIN reached USING (challenge_id);

-- name: drop_challenge_reports
-- Drops what was counted before.
DELETE FROM challenge_report;

-- name: store_challenge_reports
-- Stores what was counted.
INSERT INTO challenge_report (challenge_id, started, completed, claimed, report_time)
SELECT challenge_id, started, completed, claimed, instant($5)
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
    AS counted (challenge_id, started, completed, claimed);

-- name: note_challenge_count
-- Notes the pass that has counted challenges.
INSERT INTO challenge_count (count_time, catalogue_version, changes, duration_us)
VALUES (instant($1), $2, $3, $4)
ON CONFLICT (only_row) DO UPDATE SET
    count_time = excluded.count_time,
    catalogue_version = excluded.catalogue_version,
    changes = excluded.changes,
    duration_us = excluded.duration_us;

-- name: read_challenge_reports
-- What was last counted of these challenges; null: of all that ever were.
SELECT challenge_id, started, completed, claimed, report_time
FROM challenge_report
WHERE $1::text[] IS NULL OR challenge_id = ANY ($1::text[])
ORDER BY challenge_id;
