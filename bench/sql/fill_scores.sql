-- Gives players a tally that leaderboards rank by: distinct players, few distinct scores.
INSERT INTO tally (
    user_id, source, stat_code, schedule, period_start, sum, events, latest, latest_time, highest, days, day_count,
    sum_time, events_time, highest_time
)
SELECT
    'ranked player ' || number, 'stat', $1, 'lifetime', timestamptz 'epoch', 0, 1, score, reached_time, score, '{}', 0,
    NULL, reached_time, reached_time
FROM generate_series(1, $2::integer) AS number
CROSS JOIN LATERAL (SELECT number::bigint * 7919 % 100000 AS score) AS scored
CROSS JOIN LATERAL (SELECT timestamptz '2024-01-01' + number * interval '1 second') AS reached (reached_time);
