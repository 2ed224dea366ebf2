-- The rows of an event: the ledger's, and a tally.
-- $1 number of the call
WITH seen AS (
    INSERT INTO event_seen (event_day, user_id, event_hash)
    VALUES (date '2000-01-01', ($1::bigint % 10000)::text, decode(md5($1::text), 'hex'))
)
INSERT INTO tally AS stored (
    user_id, source, stat_code, schedule, period_start, sum, events, latest, latest_time, highest, days, day_count
)
VALUES (
    ($1::bigint % 10000)::text, 'stat', 'kills', 'lifetime', timestamptz 'epoch',
    1, 1, $1, timestamptz 'epoch', $1, '{}', 0
)
ON CONFLICT (user_id, schedule, period_start, source, stat_code) DO UPDATE SET
    sum = stored.sum + excluded.sum, events = stored.events + 1, latest = excluded.latest, highest = excluded.highest;
