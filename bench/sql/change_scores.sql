-- Gives the first $1 players of fill_scores a better score.
UPDATE tally SET highest = highest + 1, events = events + 1
WHERE user_id IN (SELECT 'ranked player ' || number FROM generate_series(1, $1::integer) AS number);
