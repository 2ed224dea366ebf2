-- Gives each of these players points, as many times as there are instants.
INSERT INTO points_adjustment (user_id, adjustment_id, adjust_time, points, operator, reason)
SELECT user_id, gen_random_uuid(), timestamptz 'epoch' + adjust_time * interval '1 microsecond', 5, 'bench', 'a measurement'
FROM unnest($1::text[]) AS player (user_id), unnest($2::bigint[]) AS moment (adjust_time);
