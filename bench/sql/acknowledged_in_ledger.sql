-- The number of these acknowledged events that are in the ledger.
SELECT count(*)
FROM unnest($1::integer[], $2::text[], $3::bytea[]) AS acknowledged (event_day, user_id, event_hash)
JOIN event_seen
    ON event_seen.event_day = date 'epoch' + acknowledged.event_day
    AND event_seen.user_id = acknowledged.user_id
    AND event_seen.event_hash = acknowledged.event_hash;
