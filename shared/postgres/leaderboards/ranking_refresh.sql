-- name: lock_ranking_refresh
-- Try to become the one transaction that changes rankings in the database. The lock ends with the transaction.
SELECT pg_try_advisory_xact_lock(1667785068, 4);

-- name: wait_for_ranking_refresh
-- Become the one transaction that changes rankings in the database.
SELECT pg_advisory_xact_lock(1667785068, 4);

-- name: read_ranking_work
-- Return the number of noted changes, counted up to a limit of entries; whether rankings begin, end or have to be swept; since
-- when all rankings that can be read are up to date; and the sweep of the duty, all null if it never ran.
-- $1 entries_max, $2 duty
SELECT
    (SELECT coalesce(sum(players), 0)::bigint FROM (SELECT players FROM ranking_change LIMIT $1::integer) AS noted),
    EXISTS (
        SELECT
        FROM leaderboard_period AS period
        JOIN leaderboard AS board ON board.board_id = period.board_id
        LEFT JOIN ranking_state AS state
            ON state.board_id = period.board_id AND state.period_start = period.period_start
        WHERE period.final_time IS NULL AND board.in_use AND state.board_id IS NULL
    )
    OR EXISTS (
        SELECT
        FROM ranking_state AS state
        JOIN leaderboard AS board ON board.board_id = state.board_id
        JOIN leaderboard_period AS period
            ON period.board_id = state.board_id AND period.period_start = state.period_start
        WHERE state.phase = 'dropping'
            OR (
                state.phase = 'open'
                AND (period.final_time IS NOT NULL OR NOT board.in_use OR state.notes_epoch < board.notes_epoch)
            )
    ),
    (SELECT min(fresh_at) FROM ranking_state WHERE phase = 'open'),
    version, bookmark, begin_time, visited, complete_time, last_visited, unpublished, finish_time
FROM (VALUES ($2)) AS asked (duty)
LEFT JOIN player_sweep AS sweep ON sweep.duty = asked.duty;

-- name: begin_rankings
-- Create the rankings of leaderboards in use and periods that are not final, as far as they are missing, each with the bucket
-- that all players are in at first. Return them, and the end of their periods.
WITH begun AS (
    INSERT INTO ranking_state AS state (board_id, period_start)
    SELECT period.board_id, period.period_start
    FROM leaderboard_period AS period
    JOIN leaderboard AS board ON board.board_id = period.board_id
    WHERE period.final_time IS NULL AND board.in_use
    ON CONFLICT (board_id, period_start) DO NOTHING
    RETURNING state.board_id, state.period_start
),
bucket AS (
    INSERT INTO leaderboard_bucket (board_id, period_start, first_score, first_time, first_id, players)
    SELECT board_id, period_start, -9223372036854775808, '-infinity', '', 0
    FROM begun
)
SELECT begun.board_id, begun.period_start, period.period_end
FROM begun
JOIN leaderboard_period AS period ON period.board_id = begun.board_id AND period.period_start = begun.period_start;

-- name: has_scores
-- Return whether anybody has a score in a period.
-- $1 board_id, $2 period_start
SELECT EXISTS (SELECT FROM leaderboard_score WHERE board_id = $1 AND period_start = instant($2));

-- name: complete_empty_ranking
-- Let a ranking without scores be read: what comes will be noted.
-- $1 board_id, $2 period_start, $3 fresh_at
UPDATE ranking_state AS state
SET notes_epoch = board.notes_epoch, fresh_at = instant($3)
FROM leaderboard AS board
WHERE board.board_id = $1 AND state.board_id = $1 AND state.period_start = instant($2);

-- name: end_rankings
-- Let rankings not be read any more that are final, or whose leaderboard is not in use.
UPDATE ranking_state AS state
SET phase = 'dropping', fresh_at = NULL
FROM leaderboard AS board, leaderboard_period AS period
WHERE state.phase = 'open'
    AND board.board_id = state.board_id
    AND period.board_id = state.board_id
    AND period.period_start = state.period_start
    AND (period.final_time IS NOT NULL OR NOT board.in_use);

-- name: drop_ranking_buckets
-- Delete the buckets of rankings that are not read any more.
DELETE FROM leaderboard_bucket AS bucket
USING ranking_state AS state
WHERE state.phase = 'dropping'
    AND state.board_id = bucket.board_id
    AND state.period_start = bucket.period_start;

-- name: ranking_to_drop
-- Return a ranking that is not read any more and has not been deleted.
SELECT board_id, period_start
FROM ranking_state
WHERE phase = 'dropping'
ORDER BY board_id, period_start
LIMIT 1;

-- name: drop_ranked_players
-- Delete the first players of a ranking.
-- $1 board_id, $2 period_start, $3 count_max
DELETE FROM leaderboard_ranking AS ranked
USING (
    SELECT user_id
    FROM leaderboard_ranking
    WHERE board_id = $1 AND period_start = instant($2)
    ORDER BY sort_score, reached_time, user_id
    LIMIT $3::integer
) AS first
WHERE ranked.user_id = first.user_id AND ranked.board_id = $1 AND ranked.period_start = instant($2)
RETURNING true;

-- name: drop_ranking
-- Forget a ranking of which nothing is left.
-- $1 board_id, $2 period_start
DELETE FROM ranking_state WHERE board_id = $1 AND period_start = instant($2) AND phase = 'dropping';

-- name: is_ranking_sweep_due
-- Return whether changes of scores were perhaps not noted since a ranking was last swept.
SELECT EXISTS (
    SELECT
    FROM ranking_state AS state
    JOIN leaderboard AS board ON board.board_id = state.board_id
    WHERE state.phase = 'open' AND state.notes_epoch < board.notes_epoch
);

-- name: begin_ranking_sweep
-- Let the sweep that begins now be one of all open rankings, and return a row for each.
UPDATE ranking_state AS state
SET sweep_epoch = board.notes_epoch
FROM leaderboard AS board
WHERE board.board_id = state.board_id AND state.phase = 'open'
RETURNING true;

-- name: complete_ranking_sweep
-- Record that a sweep has visited all players for the rankings that were there when it began.
-- $1 begin_time
UPDATE ranking_state
SET
    notes_epoch = sweep_epoch,
    sweep_epoch = NULL,
    fresh_at = greatest(fresh_at, instant($1))
WHERE phase = 'open' AND sweep_epoch IS NOT NULL;

-- name: freshen_rankings
-- Record that no change is left that was noted before an instant.
-- $1 fresh_at
UPDATE ranking_state AS state
SET fresh_at = greatest(state.fresh_at, instant($1))
FROM leaderboard AS board
WHERE board.board_id = state.board_id AND state.phase = 'open' AND state.notes_epoch = board.notes_epoch;

-- name: read_ranking_changes
-- Return some of the oldest entries of changed players, which have about this many: their places in the table, and their
-- players.
-- $1 players_enough
SELECT entry::text, user_ids
FROM (
    SELECT ctid AS entry, user_ids, sum(players) OVER (ORDER BY ctid) - players AS players_before
    FROM (SELECT ctid, user_ids, players FROM ranking_change LIMIT $1::integer) AS oldest
) AS summed
WHERE players_before < $1::integer;

-- name: delete_ranking_changes
-- Delete entries of changed players, which this transaction has read under the lock of all rankings.
-- $1 entries
DELETE FROM ranking_change WHERE ctid = ANY ($1::text[]::tid[]);

-- name: note_ranking_changes
-- Let the rankings in the database follow changes of scores of these players that are none for Redis.
-- $1 user_ids, $2 players
INSERT INTO ranking_change (user_ids, players) VALUES ($1::text[], $2);

-- name: count_ranking_changes
-- Return the number of entries and of players in them, counted up to a limit of entries.
-- $1 entries_max
SELECT count(*), coalesce(sum(players), 0)::bigint
FROM (SELECT players FROM ranking_change LIMIT $1::integer) AS noted;

-- name: empty_ranking_changes
-- Delete all entries.
DELETE FROM ranking_change;

-- name: raise_notes_epochs
-- Let all rankings in the database be swept again: changes of scores may be missing in the notes.
UPDATE leaderboard SET notes_epoch = notes_epoch + 1;

-- name: player_after_ranked
-- Return the player of the N-th row of all rankings after a player's last one.
-- $1 after_user_id, $2 rows
SELECT user_id FROM leaderboard_ranking WHERE user_id > $1 ORDER BY user_id OFFSET $2::integer LIMIT 1;

-- name: players_to_rank
-- Return the players of a range who may have scores, or are in rankings.
-- $1 after_user_id, $2 last_user_id
SELECT user_id FROM tally WHERE user_id > $1 AND user_id <= $2
UNION
SELECT user_id FROM standing WHERE user_id > $1 AND user_id <= $2
UNION
SELECT user_id FROM leaderboard_ranking WHERE user_id > $1 AND user_id <= $2;

-- name: rankings_of_phase
-- Return the rankings of a phase, and whether they are ascending.
-- $1 phase
SELECT state.board_id, state.period_start, board.ascending
FROM ranking_state AS state
JOIN leaderboard AS board ON board.board_id = state.board_id
WHERE state.phase = $1;

-- name: ranked_scores
-- Return the scores of these players in all rankings.
-- $1 user_ids
SELECT board_id, period_start, user_id, score, reached_time
FROM leaderboard_ranking
WHERE user_id = ANY ($1::text[]);

-- name: delete_ranked
-- Delete players from rankings.
-- $1 board_ids, $2 period_starts, $3 user_ids
DELETE FROM leaderboard_ranking AS ranked
USING unnest($1::text[], $2::bigint[], $3::text[]) AS gone (board_id, period_start, user_id)
WHERE ranked.user_id = gone.user_id
    AND ranked.board_id = gone.board_id
    AND ranked.period_start = instant(gone.period_start);

-- name: move_ranked
-- Store other scores of players in rankings.
-- $1 board_ids, $2 period_starts, $3 user_ids, $4 scores, $5 reached_times, $6 sort_scores
UPDATE leaderboard_ranking AS ranked
SET score = scored.score, reached_time = instant(scored.reached_time), sort_score = scored.sort_score
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS scored (board_id, period_start, user_id, score, reached_time, sort_score)
WHERE ranked.user_id = scored.user_id
    AND ranked.board_id = scored.board_id
    AND ranked.period_start = instant(scored.period_start);

-- name: add_ranked
-- Store players who are new in rankings.
-- $1 board_ids, $2 period_starts, $3 user_ids, $4 scores, $5 reached_times, $6 sort_scores
INSERT INTO leaderboard_ranking (board_id, period_start, user_id, score, reached_time, sort_score)
SELECT board_id, instant(period_start), user_id, score, instant(reached_time), sort_score
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS scored (board_id, period_start, user_id, score, reached_time, sort_score);

-- name: analyze_ranking
-- Update the planner's statistics: without them it counts places by the wrong index.
SELECT analyze_leaderboard_ranking();

-- name: analyze_ranking_marks
-- Update the planner's statistics of the buckets.
SELECT analyze_leaderboard_mark();
