-- What every player's events add up to.
SELECT user_id, source, stat_code, sum, events, latest, latest_time, highest FROM tally WHERE schedule = 'lifetime';
