-- Store scores of players in rankings. A score that is not newer than the stored one is ignored, so scores may arrive in
-- any order and more than once.
--
-- KEYS  for each ranking: order and players
-- ARGV  the required marker, or an empty string for any; then for each player: id, version (8 bytes, big-endian),
--       sort key (16 bytes)
--
-- Return how many of the rankings hold the scores now. A ranking without a marker is skipped. One that is incomplete or
-- cannot be decoded loses its marker, and is no longer used.

local MARKER = ''

local function is_newer(one, other)
    local one_high, one_low = struct.unpack('>I4I4', one)
    local other_high, other_low = struct.unpack('>I4I4', other)
    return one_high > other_high or (one_high == other_high and one_low > other_low)
end

local function put(order, players)
    if redis.call('HLEN', players) ~= redis.call('ZCARD', order) + 1 then
        return false
    end
    for index = 2, #ARGV, 3 do
        local player, version, sort_key = ARGV[index], ARGV[index + 1], ARGV[index + 2]
        local stored = redis.call('HGET', players, player)
        if stored and #stored ~= 24 then
            return false
        end
        if not stored or is_newer(version, stored) then
            if stored then
                redis.call('ZREM', order, string.sub(stored, 9) .. player)
            end
            redis.call('HSET', players, player, version .. sort_key)
            redis.call('ZADD', order, 0, sort_key .. player)
        end
    end
    return true
end

local stored_in = 0
for index = 1, #KEYS, 2 do
    local order, players = KEYS[index], KEYS[index + 1]
    local marker = redis.call('HGET', players, MARKER)
    if marker and (ARGV[1] == '' or ARGV[1] == marker) then
        if put(order, players) then
            stored_in = stored_in + 1
        else
            redis.call('HDEL', players, MARKER)
        end
    end
end
return stored_in
