-- name: insert_adjustment
-- Record points that an operator gives or takes.
-- $1 user_id, $2 adjustment_id, $3 adjust_time, $4 points, $5 operator, $6 reason
INSERT INTO points_adjustment (user_id, adjustment_id, adjust_time, points, operator, reason)
VALUES ($1, $2, instant($3), $4, $5, $6);

-- name: find_adjustment
-- Return a row if an adjustment is stored.
-- $1 user_id, $2 adjustment_id
SELECT true FROM points_adjustment WHERE user_id = $1 AND adjustment_id = $2;

-- name: list_adjustments
-- Return a player's newest adjustments.
-- $1 user_id, $2 count_max
SELECT adjust_time, points, operator, reason, database_role, imported_by
FROM points_adjustment
WHERE user_id = $1
ORDER BY adjust_time DESC, adjustment_id
LIMIT $2::integer;
