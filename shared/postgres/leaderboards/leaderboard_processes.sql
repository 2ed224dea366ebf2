-- name: renew_leaderboard_process
-- Record that a process runs, and which leaderboards it knows.
-- $1 process, $2 board_ids
INSERT INTO leaderboard_process (process, board_ids, seen_time)
VALUES ($1, $2::text[], database_time())
ON CONFLICT (process) DO UPDATE SET board_ids = excluded.board_ids, seen_time = excluded.seen_time;

-- name: forget_leaderboard_process
-- Delete the row of a process that ends.
-- $1 process
DELETE FROM leaderboard_process WHERE process = $1;

-- name: invalidate_for_gone_processes
-- Delete the rows of processes that have not renewed them for a while, invalidate what Redis holds of the leaderboards that one
-- of them lacked, and let their rankings in the database be swept: both may have missed changes. Return these leaderboards.
-- $1 silent_us
WITH gone AS (
    DELETE FROM leaderboard_process
    WHERE process IN (
        SELECT process
        FROM leaderboard_process
        WHERE seen_time < database_time() - $1::bigint * interval '1 microsecond'
        ORDER BY process
        FOR UPDATE SKIP LOCKED
    )
    RETURNING board_ids
)
UPDATE leaderboard
SET epoch = epoch + 1, notes_epoch = notes_epoch + 1
WHERE board_id IN (
    SELECT board_id
    FROM leaderboard
    WHERE EXISTS (SELECT FROM gone WHERE leaderboard.board_id <> ALL (gone.board_ids))
    ORDER BY board_id
    FOR UPDATE
)
RETURNING board_id;
