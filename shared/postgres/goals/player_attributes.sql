-- name: give_attribute
-- Give a player an attribute; return a row exactly if the player did not have it.
-- $1 user_id, $2 attribute, $3 set_time
INSERT INTO player_attribute (user_id, attribute, set_time)
VALUES ($1, $2, instant($3))
ON CONFLICT (user_id, attribute) DO NOTHING
RETURNING attribute;

-- name: take_attribute
-- Take an attribute from a player; return a row exactly if the player had it.
-- $1 user_id, $2 attribute
DELETE FROM player_attribute
WHERE user_id = $1 AND attribute = $2
RETURNING attribute;

-- name: read_attributes
-- Return those of these attributes that a player has, sorted.
-- $1 user_id, $2 attributes
SELECT attribute
FROM player_attribute
WHERE user_id = $1 AND attribute = ANY ($2::text[])
ORDER BY attribute;
