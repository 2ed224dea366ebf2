-- name: upsert_leaderboards
-- Record the definitions of new leaderboards; known ones keep theirs and are marked as wanted now. Ids must be sorted:
-- their order is the lock order.
-- $1 board_ids, $2 measures, $3 scopes, $4 scope_ids, $5 sources, $6 stat_codes, $7 schedules, $8 ascending,
-- $9 wanted_time
INSERT INTO leaderboard AS stored (
    board_id, measure, scope, scope_id, source, stat_code, schedule, ascending, wanted_time
)
SELECT
    board_id, measure, scope, scope_id, source, stat_code, schedule, ascending,
    instant($9)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[])
    AS defined (board_id, measure, scope, scope_id, source, stat_code, schedule, ascending)
ON CONFLICT (board_id) DO UPDATE SET
    wanted_time = greatest(stored.wanted_time, excluded.wanted_time),
    in_use = true;

-- name: read_leaderboard_identities
-- Return the recorded definitions of these leaderboards.
-- $1 board_ids
SELECT board_id, measure, scope, scope_id, source, stat_code, schedule, ascending
FROM leaderboard
WHERE board_id = ANY ($1::text[]);

-- name: open_leaderboard_periods
-- Create the missing rows of these periods and return how many were created. Keys must be sorted. A period whose end has
-- moved, because its season's has, gets the new one unless it is final.
-- $1 board_ids, $2 period_starts, $3 period_ends
WITH opened AS (
    INSERT INTO leaderboard_period AS stored (board_id, period_start, period_end)
    SELECT
        board_id,
        instant(period_start),
        instant(period_end)
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS missing (board_id, period_start, period_end)
    ON CONFLICT (board_id, period_start) DO UPDATE SET period_end = excluded.period_end
    WHERE stored.period_end <> excluded.period_end AND stored.final_time IS NULL
    RETURNING xmax = 0 AS is_new
)
SELECT count(*) FROM opened WHERE is_new;

-- name: want_leaderboards
-- Mark leaderboards of a catalogue as wanted now, those that were not marked for a while.
-- $1 board_ids, $2 wanted_time, $3 unless_since
UPDATE leaderboard SET
    wanted_time = greatest(wanted_time, instant($2)),
    in_use = true
WHERE board_id IN (
    SELECT board_id
    FROM leaderboard
    WHERE board_id = ANY ($1::text[])
        AND (NOT in_use OR wanted_time < instant($3))
    ORDER BY board_id
    FOR UPDATE
);

-- name: retire_leaderboards
-- Stop ranking leaderboards that were not wanted since an instant. Final rankings stay.
-- $1 unwanted_since
UPDATE leaderboard SET in_use = false
WHERE board_id IN (
    SELECT board_id
    FROM leaderboard
    WHERE in_use AND wanted_time < instant($1)
    ORDER BY board_id
    FOR UPDATE
);

-- name: lock_leaderboard_periods
-- Try to become the one transaction that ends periods. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 3);

-- name: set_lock_wait
-- Let statements of this transaction wait for locks for a number of milliseconds, and have no time limit of their own.
-- $1 wait_ms
SELECT set_config('lock_timeout', $1::bigint::text, true), set_config('statement_timeout', '0', true);

-- name: await_leaderboard_periods
-- Become the one transaction that ends periods or erases a player, behind those that wait already.
SELECT pg_advisory_xact_lock(1667785068, 3);

-- name: next_leaderboard_period_to_end
-- Lock and return the period that ended longest ago among those that are not final and that no event can change any more:
-- by the clock of the process and by that of the database, and by the horizons of all handlers.
-- $1 process_time, $2 horizon_us, $3 margin_us
SELECT board_id, period_start
FROM leaderboard_period
WHERE final_time IS NULL
    AND period_end <= least(instant($1), database_time())
        - greatest($2::bigint * interval '1 microsecond', event_horizon_in_force(instant($1)))
        - $3::bigint * interval '1 microsecond'
ORDER BY period_end
LIMIT 1
FOR UPDATE;

-- name: is_leaderboard_period_final
-- Return whether a period's ranking is final; no row if the period never existed.
-- $1 board_id, $2 period_start
SELECT final_time IS NOT NULL
FROM leaderboard_period
WHERE board_id = $1 AND period_start = instant($2);
