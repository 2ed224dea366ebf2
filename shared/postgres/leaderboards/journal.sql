-- name: insert_journal_entry
-- Notes whose scores this transaction changes, so that it is known who was missed if nobody lives to tell Redis.
INSERT INTO leaderboard_journal (user_ids) VALUES ($1::text[]) RETURNING entry_id;

-- name: read_journal
-- The oldest entries.
SELECT entry_id, user_ids FROM leaderboard_journal ORDER BY entry_id LIMIT $1::integer;

-- name: count_journal
-- How many entries there are, counted up to a limit.
SELECT count(*) FROM (SELECT FROM leaderboard_journal LIMIT $1::integer) AS entry;

-- name: commit_lazily
-- Does not wait for the disk at this transaction's commit: what it deletes is found again after a crash, and harmless.
SELECT set_config('synchronous_commit', 'off', true);

-- name: delete_journal_entries
-- Forgets entries whose scores Redis has.
DELETE FROM leaderboard_journal WHERE entry_id = ANY ($1::bigint[]);

-- name: raise_epochs_of
-- Says that whatever Redis holds of these boards may have missed changes.
UPDATE leaderboard SET epoch = epoch + 1 WHERE board_id = ANY ($1::text[]);

-- name: raise_epochs_but_of
-- Says so of all other boards.
UPDATE leaderboard SET epoch = epoch + 1 WHERE board_id <> ALL ($1::text[]);

-- name: empty_journal
-- Forgets all entries.
DELETE FROM leaderboard_journal;
