-- name: last_challenge_count
-- Return when challenges were last counted; no row if never.
SELECT count_time FROM challenge_count;

-- name: end_of_range
-- Return the last player of a range that begins after a player and spans about this many tallies; no row if fewer are
-- left.
-- $1 after_user_id, $2 tallies
SELECT user_id FROM tally WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;

-- name: players_of_range
-- Return the players of a range of whom anything counts, or did when they were last counted.
-- $1 after_user_id, $2 last_user_id
SELECT user_id FROM tally WHERE user_id > $1 AND user_id <= $2
UNION
SELECT user_id FROM assignment WHERE user_id > $1 AND user_id <= $2
UNION
SELECT user_id FROM standing WHERE user_id > $1 AND user_id <= $2
UNION
SELECT user_id FROM started_challenge WHERE user_id > $1 AND user_id <= $2
UNION
SELECT user_id FROM completion WHERE user_id > $1 AND user_id <= $2
UNION
SELECT user_id FROM settled_completion WHERE user_id > $1 AND user_id <= $2
UNION
SELECT user_id FROM carried_completion WHERE user_id > $1 AND user_id <= $2
UNION
SELECT user_id FROM counted_player WHERE user_id > $1 AND user_id <= $2;

-- name: lock_counted_players
-- Lock what these players were counted for: an erased player counts for nothing in the statement that follows.
-- $1 user_ids
SELECT user_id FROM counted_player WHERE user_id = ANY ($1::text[]) ORDER BY user_id FOR UPDATE;

-- name: number_challenges
-- Number the challenges of these players, and of a catalogue, that have no number yet.
-- $1 user_ids, $2 challenge_ids
INSERT INTO challenge_total (challenge_id)
SELECT challenge_id
FROM (
    SELECT unnest($2::text[]) AS challenge_id
    UNION
    SELECT scope_id FROM standing WHERE user_id = ANY ($1::text[]) AND schedule = 'lifetime' AND scope = 'challenge'
) AS counted
WHERE NOT EXISTS (SELECT FROM challenge_total AS numbered WHERE numbered.challenge_id = counted.challenge_id);

-- name: count_players
-- Count what these players have started of the challenges of a catalogue, and completed and claimed in all challenges
-- that ever were; store what each counts for, and add what differs from before to the figures of the challenges. A
-- player has started a challenge with progress in a goal that is active by default and was not switched off, or that was
-- switched on; with frozen progress; or with a completion. Goals of one challenge that are judged by the same measure of
-- a tally are grouped, so that its players are visited once for all of them. A goal with a schedule has begun with
-- progress in any period, also in one whose tallies were deleted. A player who has completed it several times counts
-- once: standings have all of them, so challenges with such goals are counted by completions, those carried forward
-- included.
-- $1 user_ids, and of all goals: $2 challenge_ids, $3 goal_ids, $4 sources, $5 stat_codes, $6 schedules, $7 measures,
-- $8 default_assigned, $9 repeats
WITH goal AS (
    SELECT challenge_id, goal_id, source, stat_code, schedule, measure, default_assigned, repeats
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::boolean[])
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
    WHERE assignment.user_id = ANY ($1::text[]) AND NOT assignment.active
    GROUP BY assignment.user_id, challenge_id, source, stat_code, schedule, measure
),
progress AS (
    SELECT user_id, source, stat_code, schedule, period_start, sum, events, highest, day_count
    FROM tally
    WHERE user_id = ANY ($1::text[]) AND (schedule = 'lifetime' OR schedule = ANY ($6::text[]))
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
    WHERE assignment.user_id = ANY ($1::text[])
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
    WHERE user_id = ANY ($1::text[]) AND schedule = 'lifetime' AND scope = 'challenge' AND completed > 0
    UNION
    SELECT challenge_id, user_id
    FROM started_challenge
    WHERE user_id = ANY ($1::text[]) AND challenge_id IN (SELECT challenge_id FROM goal)
),
reached AS (
    SELECT user_id, scope_id AS challenge_id, completed, claimed
    FROM standing
    WHERE user_id = ANY ($1::text[]) AND schedule = 'lifetime' AND scope = 'challenge'
        AND scope_id NOT IN (SELECT challenge_id FROM repeating)
    UNION ALL
    SELECT user_id, challenge_id, count(*), count(*) FILTER (WHERE claimed)
    FROM (
        SELECT user_id, challenge_id, bool_or(claimed) AS claimed
        FROM (
            SELECT challenge_id, user_id, goal_id, claim_time IS NOT NULL AS claimed
            FROM every_completion
            WHERE EXISTS (SELECT FROM repeating) AND user_id = ANY ($1::text[])
            UNION ALL
            SELECT challenge_id, user_id, goal_id, claimed > 0
            FROM carried_completion
            WHERE EXISTS (SELECT FROM repeating) AND user_id = ANY ($1::text[])
        ) AS reached
        WHERE challenge_id IN (SELECT challenge_id FROM repeating)
        GROUP BY challenge_id, user_id, goal_id
    ) AS once
    GROUP BY user_id, challenge_id
),
pack AS (
    SELECT
        user_id,
        -- The operators have one precedence.
        (number::bigint << 43) | ((begun.user_id IS NOT NULL)::integer::bigint << 42)
            | (least(greatest(reached.completed, 0), 2097151) << 21)
            | least(greatest(reached.claimed, 0), 2097151) AS counted
    FROM begun
    FULL JOIN reached USING (user_id, challenge_id)
    JOIN challenge_total USING (challenge_id)
),
changed AS (
    SELECT fresh.user_id, fresh.counted, coalesce(stored.counted, '{}') AS before
    FROM (
        SELECT
            asked.user_id,
            coalesce(array_agg(pack.counted ORDER BY pack.counted) FILTER (WHERE pack.counted IS NOT NULL), '{}') AS counted
        FROM unnest($1::text[]) AS asked (user_id)
        LEFT JOIN pack ON pack.user_id = asked.user_id
        GROUP BY asked.user_id
    ) AS fresh
    LEFT JOIN counted_player AS stored ON stored.user_id = fresh.user_id
    WHERE fresh.counted <> coalesce(stored.counted, '{}')
),
kept AS (
    INSERT INTO counted_player (user_id, counted)
    SELECT user_id, counted FROM changed
    ON CONFLICT (user_id) DO UPDATE SET counted = excluded.counted
),
difference AS (
    SELECT
        counted >> 43 AS number,
        sum(sign * (counted >> 42 & 1)) AS started,
        sum(sign * (counted >> 21 & 2097151)) AS completed,
        sum(sign * (counted & 2097151)) AS claimed
    FROM (
        SELECT unnest(counted) AS counted, 1 AS sign FROM changed
        UNION ALL
        SELECT unnest(before), -1 FROM changed
    ) AS packs
    GROUP BY counted >> 43
)
UPDATE challenge_total AS total
SET
    started = total.started + difference.started,
    completed = total.completed + difference.completed,
    claimed = total.claimed + difference.claimed
FROM difference
WHERE total.number = difference.number;

-- name: drop_challenge_reports
-- Delete the previous counts.
DELETE FROM challenge_report;

-- name: store_challenge_reports
-- Store the figures of the challenges of a catalogue, and of all others in which anybody completed anything.
-- $1 challenge_ids, $2 report_time
INSERT INTO challenge_report (challenge_id, started, completed, claimed, report_time)
SELECT challenge_id, coalesce(started, 0), coalesce(completed, 0), coalesce(claimed, 0), instant($2)
FROM (SELECT unnest($1::text[]) AS challenge_id) AS defined
FULL JOIN challenge_total USING (challenge_id)
WHERE defined.challenge_id IS NOT NULL OR started > 0 OR completed > 0 OR claimed > 0;

-- name: note_challenge_count
-- Record when the figures were up to date. The release before compares the number of changes.
-- $1 count_time, $2 catalogue_version
INSERT INTO challenge_count (count_time, catalogue_version, changes, duration_us)
VALUES (instant($1), $2, -1, 0)
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
