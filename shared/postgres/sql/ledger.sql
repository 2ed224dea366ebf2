-- name: insert_events_seen
-- Notes events as seen; answers the hashes of those that were not seen before, each once. Keys must be sorted: the order is the order
-- of the locks.
INSERT INTO event_seen (event_day, user_id, event_hash)
SELECT date 'epoch' + event_day, user_id, event_hash
FROM unnest($1::integer[], $2::text[], $3::bytea[]) AS arrived (event_day, user_id, event_hash)
ON CONFLICT (event_day, user_id, event_hash) DO NOTHING
RETURNING event_hash;

-- name: event_seen_by_transaction
-- Whether this event was noted by this transaction: tells after a lost connection what became of its COMMIT. xmin holds
-- the low 32 bits of the transaction id.
SELECT true
FROM event_seen
WHERE event_day = date 'epoch' + $1::integer
    AND user_id = $2
    AND event_hash = $3
    AND xmin::text::bigint = $4::bigint % 4294967296;
