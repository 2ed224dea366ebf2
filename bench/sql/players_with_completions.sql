-- Return the players who have completions, or a number of them.
-- $1 count_max
SELECT DISTINCT user_id FROM completion ORDER BY user_id LIMIT $1::integer;
