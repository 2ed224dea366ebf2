-- name: lock_selection
-- Lock a player's selection, which is created if it is missing. Return what it has, and the result of a request.
-- $1 user_id, $2 challenge_id, $3 period_start, $4 request_id, $5 change_time
INSERT INTO selection (user_id, challenge_id, period_start, change_time)
VALUES ($1, $2, instant($3), instant($5))
ON CONFLICT (user_id, challenge_id, period_start) DO UPDATE SET change_time = excluded.change_time
RETURNING goal_ids, rerolls, results[array_position(request_ids, $4::text)];

-- name: store_selection
-- Store what a locked selection has, with the request that changed it and its result; forget the oldest of 16 others.
-- $1 user_id, $2 challenge_id, $3 period_start, $4 goal_ids, $5 rerolls, $6 request_id, $7 result
UPDATE selection SET
    goal_ids = $4::text[],
    rerolls = $5,
    request_ids = ARRAY[$6::text] || trim_array(request_ids, greatest(0, cardinality(request_ids) - 15)),
    results = ARRAY[$7::bytea] || trim_array(results, greatest(0, cardinality(results) - 15))
WHERE user_id = $1 AND challenge_id = $2 AND period_start = instant($3);

-- name: store_unnamed_selection
-- Store what a locked selection has, with the number of the call without a request id that changed it; forget the oldest
-- of 4 others. That many at once may still be waiting to find out whether they were committed.
-- $1 user_id, $2 challenge_id, $3 period_start, $4 goal_ids, $5 rerolls, $6 call number
UPDATE selection SET
    goal_ids = $4::text[],
    rerolls = $5,
    unnamed_calls = ARRAY[$6::bigint] || trim_array(unnamed_calls, greatest(0, cardinality(unnamed_calls) - 3))
WHERE user_id = $1 AND challenge_id = $2 AND period_start = instant($3);

-- name: read_selections_of_players
-- Return the goals of these players' selections in periods that begin between two instants, without those that are
-- computed. The flush asks for the players whose goals were crossed, one probe each, and locks nothing: who changes a
-- selection holds the tallies of the goals.
-- $1 user_ids, $2 first_start, $3 last_start
SELECT user_id, challenge_id, microseconds(period_start), goal_ids
FROM selection
WHERE user_id = ANY ($1::text[])
    AND period_start >= instant($2)
    AND period_start <= instant($3)
    AND goal_ids IS NOT NULL;

-- name: find_selection_result
-- Return the result of a request, if it is one of the latest that changed the selection.
-- $1 user_id, $2 challenge_id, $3 period_start, $4 request_id
SELECT results[array_position(request_ids, $4::text)]
FROM selection
WHERE user_id = $1 AND challenge_id = $2 AND period_start = instant($3);

-- name: find_unnamed_call
-- Return whether a call without a request id is one of the latest that changed the selection.
-- $1 user_id, $2 challenge_id, $3 period_start, $4 call number
SELECT $4::bigint = ANY (unnamed_calls)
FROM selection
WHERE user_id = $1 AND challenge_id = $2 AND period_start = instant($3);

-- name: prune_selections
-- Delete, in a range of players, selections of pools in periods that begin before an instant, by challenge. Nothing selects
-- or claims in these periods any more, so nothing waits for the locks.
-- $1 after_user_id, $2 last_user_id, $3 challenge_ids, $4 before_instants
DELETE FROM selection
USING unnest($3::text[], $4::bigint[]) AS past (past_challenge, before)
WHERE user_id > $1
    AND user_id <= $2
    AND challenge_id = past_challenge
    AND period_start > timestamptz 'epoch'
    AND period_start < instant(before);
