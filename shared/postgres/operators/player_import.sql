-- name: mark_imported
-- Mark players as imported, and return those that were not before. Keys must be distinct and sorted: their order is the
-- lock order.
-- $1 import_name, $2 user_ids
INSERT INTO player_import (user_id, import_name)
SELECT user_id, $1 FROM unnest($2::text[]) AS taken (user_id)
ON CONFLICT (user_id, import_name) DO NOTHING
RETURNING user_id;

-- name: stage_import_rows
-- Make the temporary table of a table's rows, in the place of that of another table.
-- $1 table
SELECT stage_import_rows($1::name);

-- name: copy_import_rows
-- Take the rows of a table into the temporary table.
COPY import_row FROM STDIN;

-- name: find_by_key
-- Let the following statements of the transaction find rows by their keys. The planner does not know how few rows the temporary
-- table or a list of players has, or how many others are stored that were not analyzed yet, and would read millions to join them.
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true);

-- name: find_as_planned
-- Let the following statements of the transaction find rows as the planner thinks best.
SELECT
    set_config('enable_hashjoin', reset.hashjoin, true), set_config('enable_mergejoin', reset.mergejoin, true)
FROM (
    SELECT
        max(reset_val) FILTER (WHERE name = 'enable_hashjoin') AS hashjoin,
        max(reset_val) FILTER (WHERE name = 'enable_mergejoin') AS mergejoin
    FROM pg_settings
    WHERE name IN ('enable_hashjoin', 'enable_mergejoin')
) AS reset;

-- name: hold_grant_moves
-- Let no grant move to the history or back until the transaction ends, behind moves that have begun: each would be missed by
-- the look into one table and by that into the other.
LOCK TABLE ONLY settled_grant IN SHARE MODE;

-- name: keep_request_ids_apart
-- Take the request id from the rows of claims whose id is another claim's: the newest one of the rows and what is stored keep
-- theirs. An id may be that of several claims once it was forgotten.
UPDATE import_row AS line
SET request_id = NULL
FROM (
    SELECT
        ctid AS place,
        row_number() OVER (PARTITION BY user_id, request_id ORDER BY create_time DESC, grant_id) AS number
    FROM import_row
    WHERE request_id IS NOT NULL
) AS numbered
WHERE line.ctid = numbered.place
    AND (
        number > 1
        OR EXISTS (
            SELECT FROM reward_outbox AS other
            WHERE other.user_id = line.user_id AND other.request_id = line.request_id AND other.grant_id <> line.grant_id
        )
        OR EXISTS (
            SELECT FROM settled_grant AS other
            WHERE char_length(other.user_id)::text || '/' || other.user_id || other.request_id
                    = char_length(line.user_id)::text || '/' || line.user_id || line.request_id
                AND other.grant_id <> line.grant_id
                AND other.settle_time > database_time() - interval '100 days'
        )
    );

-- name: find_unstored_claim
-- Return the player and the grant id of a row that is neither stored nor was there; no row if there is none.
SELECT user_id, grant_id
FROM import_row AS line
WHERE NOT EXISTS (
    SELECT FROM reward_outbox AS stored
    WHERE stored.user_id = line.user_id
        AND stored.period_start = line.period_start
        AND stored.goal_id = line.goal_id
        AND stored.occurrence = line.occurrence
        AND stored.claim_number = line.claim_number
        AND stored.reward_number = line.reward_number
)
LIMIT 1;

-- name: store_import_rows
-- Store the rows of the temporary table in their table, and return how many were not there before.
-- $1 table
SELECT store_import_rows($1::name);

-- name: store_imported_tallies
-- Store the rows of the temporary table as tallies, and return the keys of those that were not there before.
INSERT INTO tally SELECT * FROM import_row
ON CONFLICT DO NOTHING
RETURNING user_id, source, stat_code, schedule, period_start;

-- name: read_imported_tallies
-- Return the rows of tallies in the temporary table, with times in microseconds.
SELECT
    user_id, source, stat_code, schedule, microseconds(period_start),
    json_build_object(
        'sum', sum, 'events', events, 'latest', latest, 'latest_time', microseconds(latest_time),
        'highest', highest, 'sum_time', microseconds(sum_time),
        'events_time', microseconds(events_time), 'highest_time', microseconds(highest_time),
        'lowest_opening', lowest_opening
    )::text,
    days::text
FROM import_row;

-- name: claim_known_completions
-- Give completions that were stored before, and were claimed fewer times, the claims that the rows bring: their rewards were
-- granted. What is claimed stays claimed, and the next claim has a number of its own.
UPDATE completion AS stored
SET
    claim_time = coalesce(line.claim_time, stored.claim_time),
    claim_number = line.claim_number,
    claimed_rewards = CASE
        WHEN line.claim_time IS NULL THEN stored.claimed_rewards
        ELSE coalesce(line.claimed_rewards | stored.claimed_rewards, line.claimed_rewards, stored.claimed_rewards)
    END
FROM import_row AS line
WHERE line.claim_number > stored.claim_number
    AND stored.user_id = line.user_id
    AND stored.goal_id = line.goal_id
    AND stored.period_start = line.period_start
    AND stored.occurrence = line.occurrence;

-- name: read_reopened_of_players
-- Return the completions of players that operators have taken back.
-- $1 user_ids
SELECT user_id, goal_id, period_start, occurrence FROM reopened_completion WHERE user_id = ANY ($1::text[]);

-- name: recount_distinct_values
-- Set the sums of tallies of distinct values, which may have been in both of two tallies that were added up.
-- $1 user_ids
UPDATE tally
SET sum = counted.number
FROM (
    SELECT user_id, schedule, period_start, stat_code, count(*) AS number
    FROM distinct_value
    WHERE user_id = ANY ($1::text[])
    GROUP BY user_id, schedule, period_start, stat_code
) AS counted
WHERE tally.user_id = counted.user_id
    AND tally.schedule = counted.schedule
    AND tally.period_start = counted.period_start
    AND tally.source = 'derived'
    AND tally.stat_code = counted.stat_code;

-- name: read_player_columns
-- Return the columns of all tables of players: the type, whether they can be null, and their default as text.
SELECT stored, attname, kind, nullable, preset FROM player_columns();

-- name: read_erased_imports
-- Return the hashes of players of this import who were erased since, each with the hash of its key.
-- $1 import_name
SELECT player_hash, key_hash FROM erased_import WHERE import_name = $1;
