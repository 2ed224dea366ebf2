-- name: read_player_rows
-- Return everything that is stored of a player, each row as JSON with its table.
-- $1 user_id
SELECT kind::text, content::text FROM player_rows($1);

-- name: open_player_rows
-- Open a cursor over everything that is stored of a player, each row as JSON with its table, as of now.
-- $1 user_id
DECLARE player_row NO SCROLL CURSOR FOR SELECT kind::text, content::text FROM player_rows($1);

-- name: fetch_player_rows
-- Return the next rows of the cursor.
FETCH 50 FROM player_row;

-- name: read_player_traces
-- Return the tables in which anything of a player is stored.
-- $1 user_id
SELECT player_traces($1)::text;

-- name: has_usual_traces
-- Return whether anything of a player is stored where something of nearly every player is.
-- $1 user_id
SELECT EXISTS (SELECT FROM tally WHERE user_id = $1) OR EXISTS (SELECT FROM player WHERE user_id = $1);

-- name: read_player_ids
-- Return a page of the players of whom anything is stored, after the last one of the previous page.
-- $1 after_user_id, $2 count_max
SELECT player_ids($1, $2);

-- name: may_erase_players
-- Return whether the role may erase players.
SELECT has_function_privilege('erase_player(text, text, timestamptz, text, text)', 'EXECUTE');

-- name: read_unsettled_grants
-- Return the grants of a player that may still be delivered.
-- $1 user_id
SELECT grant_id, state FROM reward_outbox WHERE user_id = $1 AND state IN ('PENDING', 'DELIVERING') ORDER BY grant_id;

-- name: store_tombstone
-- Refuse events of a player from now on, until no late one is accepted any more, and return the transaction's id.
-- $1 user_id, $2 now, $3 horizon_min_us
INSERT INTO player_tombstone (user_id, erase_time, until_time)
VALUES (
    $1, instant($2),
    instant($2) + greatest(event_horizon_in_force(instant($2)), $3::bigint * interval '1 microsecond') + interval '2 days'
)
ON CONFLICT (user_id) DO UPDATE SET
    erase_time = excluded.erase_time, until_time = greatest(player_tombstone.until_time, excluded.until_time)
RETURNING pg_current_xact_id()::text::bigint;

-- name: delete_tombstone
-- Accept events of a player again.
-- $1 user_id
DELETE FROM player_tombstone WHERE user_id = $1;

-- name: oldest_transaction
-- Return the id of the oldest transaction that has not ended.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint;

-- name: mark_erased_imports
-- Note which imports brought a player who is to be erased, so that repeating them does not bring the player back.
-- $1 user_id, $2 player_hash, $3 key_hash
INSERT INTO erased_import (import_name, player_hash, key_hash)
SELECT import_name, $2, $3 FROM player_import WHERE user_id = $1
ON CONFLICT (import_name, player_hash) DO NOTHING;

-- name: forget_bookmarks
-- Begin sweeps over all players again whose bookmark is a player who is to be erased. Locks all sweeps: a step that goes on
-- meanwhile could set the bookmark to the player.
-- $1 user_id
UPDATE player_sweep
SET
    bookmark = CASE WHEN bookmark = $1 THEN '' ELSE bookmark END,
    visited = CASE WHEN bookmark = $1 THEN 0 ELSE visited END;

-- name: forget_finish_bookmarks
-- Let no ranking that is being made final have come as far as a player who is to be erased, but as far as the player before.
-- $1 user_id
UPDATE ranking_finish AS finish
SET
    bookmark = CASE WHEN bookmark = $1 THEN coalesce((
        SELECT user_id
        FROM leaderboard_ranking AS ranked
        WHERE ranked.board_id = finish.board_id AND ranked.period_start = finish.period_start AND ranked.user_id < $1
        ORDER BY user_id DESC
        LIMIT 1
    ), '') ELSE bookmark END,
    last_id = CASE WHEN last_id = $1 THEN coalesce((
        SELECT user_id
        FROM leaderboard_ranking AS ranked
        WHERE ranked.board_id = finish.board_id
            AND ranked.period_start = finish.period_start
            AND ranked.sort_score = finish.last_score
            AND ranked.reached_time = finish.last_time
            AND ranked.user_id < $1
        ORDER BY user_id DESC
        LIMIT 1
    ), '') ELSE last_id END
WHERE bookmark = $1 OR last_id = $1;

-- name: erase_player
-- Erase a player, and return the numbers of rows by table as JSON, and the transaction's id.
-- $1 user_id, $2 pseudonym, $3 act_time, $4 operator, $5 reason
SELECT erase_player($1, $2, instant($3), $4, $5)::text, pg_current_xact_id()::text::bigint;

-- name: distrust_boards
-- Let no ranking in Redis be used any more until it is built again.
UPDATE leaderboard
SET epoch = epoch + 1
FROM (SELECT board_id FROM leaderboard ORDER BY board_id FOR NO KEY UPDATE) AS locked
WHERE leaderboard.board_id = locked.board_id;
