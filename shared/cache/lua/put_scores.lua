-- Stores scores of players in rankings. A score that is not newer than the stored one changes nothing, so scores may come
-- in any order, and again.
--
-- KEYS  for each ranking: order and players
-- ARGV  the marker that they must have, or nothing if any will do; then for each player: id, version (8 bytes, big-endian),
--       place (16 bytes)
--
-- Answers how many of the rankings have them now. A ranking without marker is passed over; one that holds what was not
-- written here, or has lost something, loses its marker: it is not used any more.

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
        local player, version, place = ARGV[index], ARGV[index + 1], ARGV[index + 2]
        local stored = redis.call('HGET', players, player)
        if stored and #stored ~= 24 then
            return false
        end
        if not stored or is_newer(version, stored) then
            if stored then
                redis.call('ZREM', order, string.sub(stored, 9) .. player)
            end
            redis.call('HSET', players, player, version .. place)
            redis.call('ZADD', order, 0, place .. player)
        end
    end
    return true
end

local have_them = 0
for index = 1, #KEYS, 2 do
    local order, players = KEYS[index], KEYS[index + 1]
    local marker = redis.call('HGET', players, MARKER)
    if marker and (ARGV[1] == '' or ARGV[1] == marker) then
        if put(order, players) then
            have_them = have_them + 1
        else
            redis.call('HDEL', players, MARKER)
        end
    end
end
return have_them
