-- name: insert_events_seen
-- Notes events as seen; answers the hashes of those that were not seen before, each once. Keys must be sorted: the order is the order
-- of the locks. The arrays of the content are empty where it is not kept: unnest fills them up with nulls.
INSERT INTO event_seen (event_day, user_id, event_hash, event_id, event_time, source, stat_code, delta, value)
SELECT
    date 'epoch' + event_day, user_id, event_hash,
    event_id, instant(event_time), source, stat_code, delta, value
FROM unnest(
    $1::integer[], $2::text[], $3::bytea[],
    $4::text[], $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::bigint[]
) AS arrived (event_day, user_id, event_hash, event_id, event_time, source, stat_code, delta, value)
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

-- name: read_events_seen
-- What the ledger holds of a player on these days; the content is null where it was not kept.
SELECT event_id, event_time, source, stat_code, delta, value
FROM event_seen
WHERE event_day = ANY ($2::date[]) AND user_id = $1;

-- name: write_a_page
-- Writes 8,000 bytes that do not compress, for which the disk must have a page. To be rolled back.
INSERT INTO event_seen (event_day, user_id, event_hash, event_id)
SELECT date 'epoch', $1, decode(repeat('00', 16), 'hex'), string_agg(md5(number::text), '')
FROM generate_series(1, 250) AS number;
