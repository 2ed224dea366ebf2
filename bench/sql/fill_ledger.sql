-- Events that were seen: so many of each of these players on one day, in the order of the key.
INSERT INTO event_seen (event_day, user_id, event_hash)
SELECT date 'epoch' + $1::integer, user_id, decode(md5(user_id || number), 'hex')
FROM unnest($2::text[]) AS player (user_id), generate_series(1, $3::integer) AS number
ORDER BY user_id;
