-- Gives players who have a score of all time the same one in a day.
-- $1 stat_code, $2 schedule, $3 period_start
INSERT INTO tally (
    user_id, source, stat_code, schedule, period_start, sum, events, latest, latest_time, highest, days, day_count,
    sum_time, events_time, highest_time
)
SELECT
    user_id, source, stat_code, $2, instant($3), sum, events, latest, latest_time, highest, days, day_count,
    sum_time, events_time, highest_time
FROM tally
WHERE stat_code = $1 AND schedule = 'lifetime';
