-- Gives players a tally of these stats on each of some days before one, in microseconds since 1970, which is all over.
INSERT INTO tally (
    user_id, source, stat_code, schedule, period_start, sum, events, latest, latest_time, highest, days, day_count
)
SELECT
    user_id, 'stat', stat_code, $3,
    timestamptz 'epoch' + $4::bigint * interval '1 microsecond' - day * interval '1 day', 1, 1, NULL, NULL, NULL, '{}', 0
FROM unnest($1::text[]) AS player (user_id), unnest($2::text[]) AS stat (stat_code), generate_series(1, $5::integer) AS day;
