-- name: insert_season_runs
-- Record new runs of seasons; known ones keep their ends. Keys must be sorted: their order is the lock order.
-- $1 season_ids, $2 start_times, $3 end_times
INSERT INTO season_run (season_id, start_time, end_time)
SELECT season_id, instant(start_time), instant(end_time)
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS defined (season_id, start_time, end_time)
ON CONFLICT (season_id, start_time) DO NOTHING;

-- name: read_season_runs
-- Return the recorded runs of these seasons in order of time.
-- $1 season_ids
SELECT season_id, microseconds(start_time), microseconds(end_time)
FROM season_run
WHERE season_id = ANY ($1::text[])
ORDER BY season_id, start_time;

-- name: move_season_ends
-- Record the ends of these runs where they differ. Keys must be sorted.
-- $1 season_ids, $2 start_times, $3 end_times
UPDATE season_run SET end_time = instant(defined.end_time)
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS defined (season_id, start_time, end_time)
WHERE season_run.season_id = defined.season_id
    AND season_run.start_time = instant(defined.start_time)
    AND season_run.end_time <> instant(defined.end_time);

-- name: forget_season_runs
-- Delete the runs that start after an instant, of seasons that do not have them any more.
-- $1 season_ids, $2 kept_season_ids, $3 kept_start_times, $4 after
DELETE FROM season_run
WHERE season_id = ANY ($1::text[])
    AND start_time > instant($4)
    AND NOT EXISTS (
        SELECT FROM unnest($2::text[], $3::bigint[]) AS kept (season_id, start_time)
        WHERE kept.season_id = season_run.season_id AND instant(kept.start_time) = season_run.start_time
    );
