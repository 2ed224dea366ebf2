-- name: upsert_leaderboards
-- Notes what new board ids stand for; known ones stay as they are, but somebody wants them now. Ids must be sorted: the
-- order is the order of the locks.
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
-- What these board ids stand for, as far as they are known.
SELECT board_id, measure, scope, scope_id, source, stat_code, schedule, ascending
FROM leaderboard
WHERE board_id = ANY ($1::text[]);

-- name: open_leaderboard_periods
-- Makes the rows of periods that are not there yet, and answers how many. Keys must be sorted.
WITH opened AS (
    INSERT INTO leaderboard_period (board_id, period_start, period_end)
    SELECT
        board_id,
        instant(period_start),
        instant(period_end)
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS missing (board_id, period_start, period_end)
    ON CONFLICT (board_id, period_start) DO NOTHING
    RETURNING board_id
)
SELECT count(*) FROM opened;

-- name: want_leaderboards
-- Notes that somebody's catalogue has these boards: those of which nobody has said so for a while.
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
-- Ranks boards no more that nobody has wanted since an instant. What is final stays.
UPDATE leaderboard SET in_use = false
WHERE board_id IN (
    SELECT board_id
    FROM leaderboard
    WHERE in_use AND wanted_time < instant($1)
    ORDER BY board_id
    FOR UPDATE
);

-- name: lock_leaderboard_periods
-- Whether this transaction is the one that ends periods now; the lock ends with it.
SELECT pg_try_advisory_xact_lock(1667785068, 3);

-- name: next_leaderboard_period_to_end
-- The period that ended longest ago of those that ended by an instant and are not final, locked.
SELECT board_id, period_start
FROM leaderboard_period
WHERE final_time IS NULL AND period_end <= instant($1)
ORDER BY period_end
LIMIT 1
FOR UPDATE;

-- name: finish_leaderboard_period
-- Makes the ranking of a period final as it stands, and answers how many players it has.
WITH copied AS (
    INSERT INTO leaderboard_final (board_id, period_start, place, shared_rank, user_id, score, reached_time)
    SELECT
        board_id, period_start,
        row_number() OVER (ORDER BY sort_score, reached_time, user_id),
        rank() OVER (ORDER BY sort_score),
        user_id, score, reached_time
    FROM (
        SELECT
            board_id, period_start, user_id, score, reached_time,
            CASE WHEN ascending THEN score ELSE -score END AS sort_score
        FROM leaderboard_score
        WHERE board_id = $1 AND period_start = instant($2)
    ) AS scored
    RETURNING place
)
UPDATE leaderboard_period SET
    final_time = instant($3),
    players = (SELECT count(*) FROM copied)
WHERE board_id = $1 AND period_start = instant($2) AND final_time IS NULL
RETURNING players;

-- name: is_leaderboard_period_final
-- Whether a period's ranking is final; no row where there never was such a period.
SELECT final_time IS NOT NULL
FROM leaderboard_period
WHERE board_id = $1 AND period_start = instant($2);
