-- Give a complete ranking another marker, if its marker begins as expected.
--
-- KEYS  order and players of the ranking
-- ARGV  the beginning of its marker, the new marker
--
-- Return 1, or 0 if it has another marker or is incomplete.

local marker = redis.call('HGET', KEYS[2], '')
if not marker or string.sub(marker, 1, #ARGV[1]) ~= ARGV[1] then
    return 0
end
if redis.call('HLEN', KEYS[2]) ~= redis.call('ZCARD', KEYS[1]) + 1 then
    return 0
end
redis.call('HSET', KEYS[2], '', ARGV[2])
return 1
