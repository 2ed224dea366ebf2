-- name: insert_adjustment
-- Notes points that an operator gives or takes.
INSERT INTO points_adjustment (user_id, adjustment_id, adjust_time, points, operator, reason)
VALUES ($1, $2, instant($3), $4, $5, $6);

-- name: find_adjustment
-- Whether an adjustment is stored.
SELECT true FROM points_adjustment WHERE user_id = $1 AND adjustment_id = $2;

-- name: list_adjustments
-- A player's newest adjustments.
SELECT adjust_time, points, operator, reason
FROM points_adjustment
WHERE user_id = $1
ORDER BY adjust_time DESC, adjustment_id
LIMIT $2::integer;
