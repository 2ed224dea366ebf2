-- name: insert_events_seen
-- Record events as seen and return the hashes of those that were not seen before, each once. Events of days that the
-- ledger no longer holds, and of players who were erased, are neither recorded nor returned. Keys must be sorted: their
-- order is the lock order. The arrays of content are empty where content is not kept; unnest pads them with nulls.
-- $1 event_days, $2 user_ids, $3 event_hashes, $4 event_ids, $5 event_times, $6 sources, $7 stat_codes, $8 deltas,
-- $9 values, $10 true on a cluster
INSERT INTO event_seen (
    event_day, user_id, event_hash, event_id, event_time, source, stat_code, delta, value, transaction_id
)
SELECT
    date 'epoch' + event_day, user_id, event_hash,
    event_id, instant(event_time), source, stat_code, delta, value,
    CASE WHEN $10::boolean THEN pg_current_xact_id()::text::bigint END
FROM (
    SELECT
        unnest($1::integer[]) AS event_day,
        unnest($2::text[]) AS user_id,
        unnest($3::bytea[]) AS event_hash,
        unnest($4::text[]) AS event_id,
        unnest($5::bigint[]) AS event_time,
        unnest($6::text[]) AS source,
        unnest($7::text[]) AS stat_code,
        unnest($8::bigint[]) AS delta,
        unnest($9::bigint[]) AS value
) AS arrived
WHERE date 'epoch' + event_day >= (SELECT first_day FROM event_ledger)
    AND NOT EXISTS (SELECT FROM player_tombstone WHERE player_tombstone.user_id = arrived.user_id)
ON CONFLICT (event_day, user_id, event_hash) DO NOTHING
RETURNING event_hash;

-- name: insert_event_seen
-- Do what insert_events_seen does for one event on one server whose content is not kept: in half of the time.
-- $1 event_day, $2 user_id, $3 event_hash
INSERT INTO event_seen (event_day, user_id, event_hash)
SELECT date 'epoch' + $1::integer, $2, $3::bytea
WHERE date 'epoch' + $1::integer >= (SELECT first_day FROM event_ledger)
    AND NOT EXISTS (SELECT FROM player_tombstone WHERE player_tombstone.user_id = $2)
ON CONFLICT (event_day, user_id, event_hash) DO NOTHING
RETURNING event_hash;

-- name: insert_new_events
-- As insert_events_seen, of events that are expected to be new: an error if the ledger holds one of them, or if there
-- is one twice. On a cluster this copies the rows straight into the shards, for half of the work. The number of rows
-- tells whether all were recorded.
-- $1 event_days, $2 user_ids, $3 event_hashes, $4 event_ids, $5 event_times, $6 sources, $7 stat_codes, $8 deltas,
-- $9 values, $10 true on a cluster
INSERT INTO event_seen (
    event_day, user_id, event_hash, event_id, event_time, source, stat_code, delta, value, transaction_id
)
SELECT
    date 'epoch' + event_day, user_id, event_hash,
    event_id, instant(event_time), source, stat_code, delta, value,
    CASE WHEN $10::boolean THEN pg_current_xact_id()::text::bigint END
FROM (
    SELECT
        unnest($1::integer[]) AS event_day,
        unnest($2::text[]) AS user_id,
        unnest($3::bytea[]) AS event_hash,
        unnest($4::text[]) AS event_id,
        unnest($5::bigint[]) AS event_time,
        unnest($6::text[]) AS source,
        unnest($7::text[]) AS stat_code,
        unnest($8::bigint[]) AS delta,
        unnest($9::bigint[]) AS value
) AS arrived
WHERE date 'epoch' + event_day >= (SELECT first_day FROM event_ledger)
    AND NOT EXISTS (SELECT FROM player_tombstone WHERE player_tombstone.user_id = arrived.user_id);

-- name: insert_event_on_node
-- Record one event, whose content is not kept, on the node of its player, without the copy of insert_new_events. A statement cannot
-- compare it with the tables of the coordinator there: event_is_refused does, and must follow in the transaction.
-- $1 event_day, $2 user_id, $3 event_hash
INSERT INTO event_seen (event_day, user_id, event_hash, transaction_id)
VALUES (date 'epoch' + $1::integer, $2, $3::bytea, pg_current_xact_id()::text::bigint)
ON CONFLICT (event_day, user_id, event_hash) DO NOTHING
RETURNING event_hash;

-- name: event_is_refused
-- Return whether an event that was just recorded must not count: the ledger no longer holds its day, or the player was erased. What
-- drops a day waits for the transaction from now on, and what it has changed before is seen.
-- $1 event_day, $2 user_id
SELECT
    date 'epoch' + $1::integer < (SELECT first_day FROM event_ledger)
    OR EXISTS (SELECT FROM player_tombstone WHERE user_id = $2);

-- name: first_ledger_day
-- Return the first day that the ledger holds, in days since 1970.
SELECT first_day - date 'epoch' FROM event_ledger;

-- name: erased_players
-- Return those of these players who were erased.
-- $1 user_ids
SELECT user_id FROM player_tombstone WHERE user_id = ANY ($1::text[]);

-- name: delete_expired_tombstones
-- Forget erased players of whom no late event is accepted any more, by the clock of the process and by the database's.
-- $1 now
DELETE FROM player_tombstone WHERE until_time < least(instant($1), database_time());

-- name: event_seen_by_transaction
-- Return a row if this transaction recorded this event: after a lost connection that tells whether its COMMIT
-- succeeded. xmin holds the low 32 bits of the transaction id; on a cluster it is that of a node, so the row has the id.
-- $1 event_day, $2 user_id, $3 event_hash, $4 transaction_id
SELECT true
FROM event_seen
WHERE event_day = date 'epoch' + $1::integer
    AND user_id = $2
    AND event_hash = $3
    AND CASE
        WHEN transaction_id IS NULL THEN xmin::text::bigint = $4::bigint % 4294967296
        ELSE transaction_id = $4
    END;

-- name: read_events_seen
-- Return the ledger's events of a player on these days. Content is null where it was not kept.
-- $1 user_id, $2 event_days
SELECT event_id, event_time, source, stat_code, delta, value
FROM event_seen
WHERE event_day = ANY ($2::date[]) AND user_id = $1;

-- name: write_a_page
-- Write 8,000 incompressible bytes, for which the disk must have a free page. To be rolled back.
-- $1 user_id
INSERT INTO event_seen (event_day, user_id, event_hash, event_id)
SELECT date 'epoch', $1, decode(repeat('00', 16), 'hex'), string_agg(md5(number::text), '')
FROM generate_series(1, 250) AS number;
