-- name: insert_journal_entry
-- Notes whose scores this transaction changes, so that it is known who was missed if nobody lives to tell Redis.
INSERT INTO leaderboard_journal (user_ids) VALUES ($1::text[]) RETURNING entry_id;
