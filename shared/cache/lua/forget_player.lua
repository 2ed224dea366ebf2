-- Delete a player from a ranking.
--
-- KEYS  order and players
-- ARGV  the player's id
--
-- Return whether the ranking had the player, as 1 or 0.

local stored = redis.call('HGET', KEYS[2], ARGV[1])
if not stored then
    return 0
end
redis.call('ZREM', KEYS[1], string.sub(stored, 9) .. ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
