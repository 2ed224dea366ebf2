-- Read some players of a ranking, if it has the expected marker.
--
-- KEYS  order and players of the ranking
-- ARGV  the expected marker, the kind of query, and its arguments:
--       'top', first place (from 0), last place
--       'around', neighbours on each side, a player's id
--       'players', players' ids
--
-- Fail if a member is too long to belong to a player, without returning it.
--
-- Return false if the marker differs or the ranking is incomplete. Otherwise return the number of players in the ranking,
-- and for each player found: the member, its place (from 0), and how many players have a better score.

local order, players = KEYS[1], KEYS[2]
local size = redis.call('ZCARD', order)
if redis.call('HGET', players, '') ~= ARGV[1] or redis.call('HLEN', players) ~= size + 1 then
    return false
end
local found = {size}

local function place_of(player)
    local stored = redis.call('HGET', players, player)
    if not stored then
        return nil
    end
    local member = string.sub(stored, 9) .. player
    return redis.call('ZRANK', order, member) or -1, member
end

-- 16 bytes, and up to 128 characters of a player's id.
local MEMBER_BYTES_MAX = 528

local last_score, better
local too_long = false
local function add(member, place)
    if #member > MEMBER_BYTES_MAX then
        too_long = true
        return
    end
    local score = string.sub(member, 1, 8)
    if score ~= last_score then
        last_score, better = score, redis.call('ZLEXCOUNT', order, '-', '(' .. score)
    end
    found[#found + 1] = member
    found[#found + 1] = place
    found[#found + 1] = better
end

local function add_range(first, last)
    -- A negative place would count from the end.
    if last < first then
        return
    end
    for index, member in ipairs(redis.call('ZRANGE', order, first, last)) do
        add(member, first + index - 1)
    end
end

if ARGV[2] == 'top' then
    add_range(tonumber(ARGV[3]), tonumber(ARGV[4]))
elseif ARGV[2] == 'around' then
    local place = place_of(ARGV[4])
    if place then
        add_range(math.max(0, place - ARGV[3]), place + ARGV[3])
    end
else
    for index = 3, #ARGV do
        local place, member = place_of(ARGV[index])
        if place then
            add(member, place)
        end
    end
end
if too_long then
    return redis.error_reply('ERR a member is too long')
end
return found
