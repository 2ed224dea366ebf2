-- name: upsert_leaderboards
-- Notes what new board ids stand for; known ones stay as they are, but somebody wants them now. Ids must be sorted: the
-- order is the order of the locks.
INSERT INTO leaderboard AS stored (
    board_id, measure, scope, scope_id, source, stat_code, schedule, ascending, wanted_time
)
SELECT
    board_id, measure, scope, scope_id, source, stat_code, schedule, ascending,
    timestamptz 'epoch' + $9::bigint * interval '1 microsecond'
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
        timestamptz 'epoch' + period_start * interval '1 microsecond',
        timestamptz 'epoch' + period_end * interval '1 microsecond'
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS missing (board_id, period_start, period_end)
    ON CONFLICT (board_id, period_start) DO NOTHING
    RETURNING board_id
)
SELECT count(*) FROM opened;
