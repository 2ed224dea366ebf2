-- Gives players the tallies of the lifetime in the period of a schedule that starts then, in microseconds since 1970, too.
INSERT INTO tally (
    user_id, source, stat_code, schedule, period_start, sum, events, latest, latest_time, highest, days, day_count,
    sum_time, events_time, highest_time
)
SELECT
    user_id, source, stat_code, $2, timestamptz 'epoch' + $3::bigint * interval '1 microsecond',
    sum, events, latest, latest_time, highest, days, day_count, sum_time, events_time, highest_time
FROM tally
WHERE user_id = ANY ($1::text[]) AND schedule = 'lifetime'
ON CONFLICT DO NOTHING;
