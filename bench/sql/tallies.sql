-- The lifetime tallies of all players.
SELECT user_id, source, stat_code, sum, events, latest, latest_time, highest, sum_time, events_time, highest_time FROM tally WHERE schedule = 'lifetime';
