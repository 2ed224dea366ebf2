-- Records events of players on one day, in no order of players: as many for each as it says.
INSERT INTO event_seen (event_day, user_id, event_hash)
SELECT date 'epoch' + $2::integer, user_id, decode(md5(user_id || ' ' || number), 'hex')
FROM player CROSS JOIN generate_series(1, $1::integer) AS number
ORDER BY hashtext(user_id || number);
