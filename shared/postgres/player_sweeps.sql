-- name: note_changed_players
-- Note for a duty the players that this transaction changes.
-- $1 duty, $2 user_ids
INSERT INTO changed_player (duty, user_id) SELECT $1, user_id FROM (SELECT unnest($2::text[]) AS user_id) AS changed;

-- name: note_first_credited
-- Note for a duty the players of whose goals, which count from their activation on, this transaction counts the first
-- event: the measure before is the baseline.
-- $1 duty, $2 user_ids, $3 goal_ids, $4 measures_before
INSERT INTO changed_player (duty, user_id)
SELECT $1, assignment.user_id
FROM unnest($2::text[], $3::text[], $4::bigint[]) AS tally_before (user_id, goal_id, measure)
JOIN assignment
    ON assignment.user_id = tally_before.user_id
    AND assignment.goal_id = tally_before.goal_id
    AND assignment.active
    AND assignment.baseline = tally_before.measure;

-- name: prefer_indexes
-- Let statements of this transaction be planned by indexes. A plan is kept for long, and one that was made while a table was
-- empty would read all of it later.
SELECT set_config('enable_seqscan', 'off', true);

-- name: take_changed_players
-- Delete the oldest notes of changed players, a limited number at a time, and return their players.
-- $1 duty, $2 count_max
WITH taken AS (
    DELETE FROM changed_player
    WHERE ctid = ANY (ARRAY (SELECT ctid FROM changed_player WHERE duty = $1 LIMIT $2::integer))
    RETURNING user_id
)
SELECT DISTINCT user_id FROM taken;

-- name: add_player_sweep
-- Create the row of a duty that never ran.
-- $1 duty, $2 now
INSERT INTO player_sweep (duty, version, owner, step_time, begin_time, visited, unpublished)
VALUES ($1, '', '', instant($2), instant($2), 0, false)
ON CONFLICT DO NOTHING;

-- name: take_player_sweep
-- Lock and return the sweep of a duty; no row while another process works on it: one that does so now, or that was seen
-- after an instant and has not finished.
-- $1 duty, $2 owner, $3 seen_since
SELECT version, bookmark, begin_time, visited, complete_time, last_visited, unpublished, finish_time
FROM player_sweep
WHERE duty = $1 AND (owner IN ('', $2) OR step_time < instant($3))
FOR UPDATE SKIP LOCKED;

-- name: store_player_sweep
-- Store the sweep of a duty after a step.
-- $1 duty, $2 version, $3 owner, $4 step_time, $5 begin_time, $6 bookmark, $7 visited, $8 complete_time, $9 last_visited,
-- $10 unpublished, $11 finish_time
UPDATE player_sweep
SET
    version = $2,
    owner = $3,
    step_time = instant($4),
    begin_time = instant($5),
    bookmark = $6,
    visited = $7,
    complete_time = instant($8),
    last_visited = $9,
    unpublished = $10,
    finish_time = instant($11)
WHERE duty = $1;

-- name: read_player_sweep
-- Return the sweep of a duty without locking it; no row if it never ran.
-- $1 duty
SELECT version, bookmark, begin_time, visited, complete_time, last_visited, unpublished, finish_time
FROM player_sweep
WHERE duty = $1;
