-- name: merge_tallies
-- Add tallies to the stored ones, which locks them. Return the measures before and after; when they were
-- reached; and the previous days where days were added. The same merge as Tally.merge in shared/domain/tally.py. Day
-- sets are multirange literals, '{}' where days are not counted. Where no tally counts growth, $16 is empty: unnest pads
-- it with nulls. Keys must be distinct and sorted: their order is the lock order.
-- $1 user_ids, $2 sources, $3 stat_codes, $4 schedules, $5 period_starts, $6 sums, $7 events, $8 latests,
-- $9 latest_times, $10 highests, $11 days, $12 day_counts, $13 sum_times, $14 events_times, $15 highest_times,
-- $16 lowest_openings
INSERT INTO tally AS stored (
    user_id, source, stat_code, schedule, period_start,
    sum, events, latest, latest_time, highest, days, day_count, sum_time, events_time, highest_time, lowest_opening
)
SELECT
    user_id, source, stat_code, schedule,
    instant(period_start),
    sum, events, latest,
    instant(latest_time),
    highest, days::int4multirange, day_count,
    instant(sum_time),
    instant(events_time),
    instant(highest_time),
    lowest_opening
FROM (
    SELECT
        unnest($1::text[]) AS user_id,
        unnest($2::text[]) AS source,
        unnest($3::text[]) AS stat_code,
        unnest($4::text[]) AS schedule,
        unnest($5::bigint[]) AS period_start,
        unnest($6::bigint[]) AS sum,
        unnest($7::bigint[]) AS events,
        unnest($8::bigint[]) AS latest,
        unnest($9::bigint[]) AS latest_time,
        unnest($10::bigint[]) AS highest,
        unnest($11::text[]) AS days,
        unnest($12::integer[]) AS day_count,
        unnest($13::bigint[]) AS sum_time,
        unnest($14::bigint[]) AS events_time,
        unnest($15::bigint[]) AS highest_time,
        unnest($16::bigint[]) AS lowest_opening
) AS fresh
ON CONFLICT (user_id, schedule, period_start, source, stat_code) DO UPDATE SET
    prev_sum = stored.sum,
    prev_events = stored.events,
    prev_highest = stored.highest,
    prev_day_count = stored.day_count,
    prev_days = stored.days,
    sum = CASE
        -- Saturates at 2^62 without an intermediate result beyond a bigint.
        WHEN stored.lowest_opening IS NULL AND excluded.lowest_opening IS NULL
            THEN least(stored.sum, 4611686018427387904 - excluded.sum) + excluded.sum
        ELSE greatest(stored.highest, excluded.highest) - least(stored.lowest_opening, excluded.lowest_opening)
    END,
    events = stored.events + excluded.events,
    latest = CASE
        WHEN excluded.latest IS NULL THEN stored.latest
        WHEN stored.latest IS NULL OR (excluded.latest_time, excluded.latest) > (stored.latest_time, stored.latest)
            THEN excluded.latest
        ELSE stored.latest
    END,
    latest_time = greatest(stored.latest_time, excluded.latest_time),
    highest = greatest(stored.highest, excluded.highest),
    days = CASE WHEN excluded.day_count = 0 THEN stored.days ELSE stored.days + excluded.days END,
    day_count = CASE
        WHEN excluded.day_count = 0 THEN stored.day_count
        ELSE (
            SELECT sum(upper(stretch) - lower(stretch))
            FROM unnest(stored.days + excluded.days) AS stretch
        )
    END,
    sum_time = greatest(stored.sum_time, excluded.sum_time),
    events_time = greatest(stored.events_time, excluded.events_time),
    highest_time = CASE
        WHEN stored.highest IS NULL OR excluded.highest > stored.highest THEN excluded.highest_time
        WHEN excluded.highest = stored.highest THEN least(stored.highest_time, excluded.highest_time)
        ELSE stored.highest_time
    END,
    lowest_opening = least(stored.lowest_opening, excluded.lowest_opening)
RETURNING
    user_id, source, stat_code, schedule,
    -- Instants as integers: loading a timestamp takes three times as long.
    microseconds(period_start),
    prev_sum, prev_events, prev_highest, prev_day_count,
    sum, events, highest, day_count,
    microseconds(sum_time), microseconds(events_time), microseconds(highest_time),
    upper(days) - 1,
    CASE WHEN day_count > prev_day_count THEN prev_days::text END AS prev_days;

-- name: merge_tally
-- Do what merge_tallies does for one tally of at most one day, and do not return its key: in three quarters of the time.
-- $1 user_id, $2 source, $3 stat_code, $4 schedule, $5 period_start, $6 sum, $7 events, $8 latest, $9 latest_time,
-- $10 highest, $11 days, $12 day_count, $13 sum_time, $14 events_time, $15 highest_time, $16 lowest_opening
INSERT INTO tally AS stored (
    user_id, source, stat_code, schedule, period_start,
    sum, events, latest, latest_time, highest, days, day_count, sum_time, events_time, highest_time, lowest_opening
)
VALUES (
    $1, $2, $3, $4, instant($5),
    $6, $7, $8, instant($9), $10, $11, $12, instant($13), instant($14), instant($15), $16
)
ON CONFLICT (user_id, schedule, period_start, source, stat_code) DO UPDATE SET
    prev_sum = stored.sum,
    prev_events = stored.events,
    prev_highest = stored.highest,
    prev_day_count = stored.day_count,
    prev_days = stored.days,
    sum = CASE
        -- Saturates at 2^62 without an intermediate result beyond a bigint.
        WHEN stored.lowest_opening IS NULL AND excluded.lowest_opening IS NULL
            THEN least(stored.sum, 4611686018427387904 - excluded.sum) + excluded.sum
        ELSE greatest(stored.highest, excluded.highest) - least(stored.lowest_opening, excluded.lowest_opening)
    END,
    events = stored.events + excluded.events,
    latest = CASE
        WHEN excluded.latest IS NULL THEN stored.latest
        WHEN stored.latest IS NULL OR (excluded.latest_time, excluded.latest) > (stored.latest_time, stored.latest)
            THEN excluded.latest
        ELSE stored.latest
    END,
    latest_time = greatest(stored.latest_time, excluded.latest_time),
    highest = greatest(stored.highest, excluded.highest),
    days = CASE WHEN excluded.day_count = 0 THEN stored.days ELSE stored.days + excluded.days END,
    -- Without a subquery, which a cluster refuses here.
    day_count = stored.day_count + CASE
        WHEN excluded.day_count = 0 OR stored.days @> excluded.days THEN 0
        ELSE excluded.day_count
    END,
    sum_time = greatest(stored.sum_time, excluded.sum_time),
    events_time = greatest(stored.events_time, excluded.events_time),
    highest_time = CASE
        WHEN stored.highest IS NULL OR excluded.highest > stored.highest THEN excluded.highest_time
        WHEN excluded.highest = stored.highest THEN least(stored.highest_time, excluded.highest_time)
        ELSE stored.highest_time
    END,
    lowest_opening = least(stored.lowest_opening, excluded.lowest_opening)
RETURNING
    prev_sum, prev_events, prev_highest, prev_day_count,
    sum, events, highest, day_count,
    microseconds(sum_time), microseconds(events_time), microseconds(highest_time),
    upper(days) - 1,
    CASE WHEN day_count > prev_day_count THEN prev_days END AS prev_days;

-- name: lock_tally
-- Lock a player's lifetime tally of a stat until the transaction ends, and store an empty one if there is none. Nearly always
-- there is one: then the inner statement locks it, and the outer one does not begin to check a row. If another transaction
-- stores one meanwhile, that is locked all the same, and no new version of it is written.
-- $1 user_id, $2 source, $3 stat_code
INSERT INTO tally AS stored (user_id, source, stat_code, schedule, period_start, sum, events, days, day_count)
SELECT $1, $2, $3, 'lifetime', timestamptz 'epoch', 0, 0, '{}', 0
WHERE NOT EXISTS (
    SELECT
    FROM tally
    WHERE user_id = $1
        AND schedule = 'lifetime'
        AND period_start = timestamptz 'epoch'
        AND source = $2
        AND stat_code = $3
    FOR UPDATE
)
ON CONFLICT (user_id, schedule, period_start, source, stat_code) DO UPDATE SET sum = stored.sum WHERE false;
