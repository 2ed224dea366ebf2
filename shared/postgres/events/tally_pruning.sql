-- name: lock_tally_pruning
-- Try to become the one transaction that prunes tallies, or stay it. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 6);

-- name: first_open_periods
-- Return, by schedule, the start of the oldest period whose rankings are not final: they are computed from tallies.
SELECT schedule, min(period_start)
FROM leaderboard_period
JOIN leaderboard USING (board_id)
WHERE final_time IS NULL
GROUP BY schedule;

-- name: prune_tallies
-- Delete, in a range of players, tallies of periods that begin before an instant, by schedule; return their number. No
-- event changes these rows any more, so nothing waits for their locks.
-- $1 after_user_id, $2 last_user_id, $3 schedules, $4 before_instants
WITH pruned AS (
    DELETE FROM tally
    USING unnest($3::text[], $4::bigint[]) AS past (past_schedule, before)
    WHERE user_id > $1
        AND user_id <= $2
        AND schedule = past_schedule
        AND period_start < instant(before)
    RETURNING 1
)
SELECT count(*) FROM pruned;
