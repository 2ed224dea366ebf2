-- name: insert_journal_entry
-- Record whose scores this transaction changes, so that they are found if no process lives to tell Redis.
-- $1 user_ids
INSERT INTO leaderboard_journal (user_ids) VALUES ($1::text[]) RETURNING entry_id;

-- name: read_journal
-- Return the oldest entries.
-- $1 count_max
SELECT entry_id, user_ids FROM leaderboard_journal ORDER BY entry_id LIMIT $1::integer;

-- name: count_journal
-- Return the number of entries, counted up to a limit.
-- $1 count_max
SELECT count(*) FROM (SELECT FROM leaderboard_journal LIMIT $1::integer) AS entry;

-- name: commit_lazily
-- Do not wait for the disk at this transaction's commit. After a crash the deleted entries come back, which is
-- harmless.
SELECT set_config('synchronous_commit', 'off', true);

-- name: name_cache_format
-- Let this transaction delete entries of the journal, which those of the release before may not.
SELECT set_config('challenge.cache_format', '2', true);

-- name: delete_journal_entries
-- Delete entries whose scores Redis has, unless the scores were stored for another identity of the database.
-- $1 entry_ids, $2 database_key
DELETE FROM leaderboard_journal WHERE entry_id = ANY ($1::bigint[]) AND $2 = (SELECT database_key());

-- name: raise_epochs_of
-- Invalidate what Redis holds of these leaderboards, and let their rankings in the database be swept: both may have missed
-- changes.
-- $1 board_ids
UPDATE leaderboard
SET epoch = epoch + 1, notes_epoch = notes_epoch + 1
FROM (
    -- Whatever changes several of them locks them in this order.
    SELECT board_id FROM leaderboard WHERE board_id = ANY ($1::text[]) ORDER BY board_id FOR NO KEY UPDATE
) AS locked
WHERE leaderboard.board_id = locked.board_id;

-- name: raise_epochs_but_of
-- Invalidate what Redis holds of all other leaderboards, and let their rankings in the database be swept.
-- $1 board_ids_kept
UPDATE leaderboard
SET epoch = epoch + 1, notes_epoch = notes_epoch + 1
FROM (
    SELECT board_id FROM leaderboard WHERE board_id <> ALL ($1::text[]) ORDER BY board_id FOR NO KEY UPDATE
) AS locked
WHERE leaderboard.board_id = locked.board_id;

-- name: raise_every_epoch
-- Invalidate what Redis holds of all leaderboards.
UPDATE leaderboard
SET epoch = epoch + 1
FROM (SELECT board_id FROM leaderboard ORDER BY board_id FOR NO KEY UPDATE) AS locked
WHERE leaderboard.board_id = locked.board_id;

-- name: empty_journal
-- Delete all entries.
DELETE FROM leaderboard_journal;
