-- name: merge_tallies
-- Adds tallies to the stored ones, which locks them, and answers the measures before and after; if it is asked for, since
-- when they are what they are; and where days were added, those that were there before. The same merge as
-- Tally.merge in shared/domain/tally.py. Instants and days come as integers, day sets as multirange literals ('{}' where
-- days are not counted). Keys must be distinct and sorted: the order is the order of the locks.
INSERT INTO tally AS stored (
    user_id, source, stat_code, schedule, period_start,
    sum, events, latest, latest_time, highest, days, day_count, sum_time, events_time, highest_time
)
SELECT
    user_id, source, stat_code, schedule,
    instant(period_start),
    sum, events, latest,
    instant(latest_time),
    highest, days::int4multirange, day_count,
    instant(sum_time),
    instant(events_time),
    instant(highest_time)
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::integer[],
    $13::bigint[], $14::bigint[], $15::bigint[]
) AS fresh (
    user_id, source, stat_code, schedule, period_start,
    sum, events, latest, latest_time, highest, days, day_count, sum_time, events_time, highest_time
)
ON CONFLICT (user_id, schedule, period_start, source, stat_code) DO UPDATE SET
    prev_sum = stored.sum,
    prev_events = stored.events,
    prev_highest = stored.highest,
    prev_day_count = stored.day_count,
    prev_days = stored.days,
    -- Saturates at 2^62 without an intermediate result beyond a bigint.
    sum = least(stored.sum, 4611686018427387904 - excluded.sum) + excluded.sum,
    events = stored.events + excluded.events,
    latest = CASE
        WHEN excluded.latest IS NULL THEN stored.latest
        WHEN stored.latest IS NULL OR (excluded.latest_time, excluded.latest) > (stored.latest_time, stored.latest)
            THEN excluded.latest
        ELSE stored.latest
    END,
    latest_time = greatest(stored.latest_time, excluded.latest_time),
    highest = greatest(stored.highest, excluded.highest),
    days = stored.days + excluded.days,
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
    END
RETURNING
    user_id, source, stat_code, schedule,
    -- Instants as numbers: loading a timestamp takes three times as long. Exact: an instant in seconds, as a double, is
    -- off by less than half a microsecond.
    microseconds(period_start),
    prev_sum, prev_events, prev_highest, prev_day_count,
    sum, events, highest, day_count,
    CASE WHEN $16::boolean THEN microseconds(sum_time) END,
    CASE WHEN $16 THEN microseconds(events_time) END,
    CASE WHEN $16 THEN microseconds(highest_time) END,
    CASE WHEN $16 THEN upper(days) - 1 END,
    CASE WHEN day_count > prev_day_count THEN prev_days::text END AS prev_days;
