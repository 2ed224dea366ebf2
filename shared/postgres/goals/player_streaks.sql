-- name: read_streak_days
-- Return the days of some of a player's tallies, which are looked up by their full keys: for catalogues with goals that
-- count streaks.
-- $1 user_id, $2 sources, $3 stat_codes, $4 schedules, $5 period_starts
SELECT wanted_source, wanted_code, wanted_schedule, days::text
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS wanted (
    wanted_source, wanted_code, wanted_schedule, wanted_start
)
CROSS JOIN LATERAL (
    SELECT days FROM tally
    WHERE user_id = $1
        AND schedule = wanted_schedule
        AND period_start = instant(wanted_start)
        AND source = wanted_source
        AND stat_code = wanted_code
    OFFSET 0
) AS tally;
