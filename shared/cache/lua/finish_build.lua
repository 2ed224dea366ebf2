-- Replace the ranking in use by the one that was built.
--
-- KEYS  order and players of the ranking in use; the same of the built one
-- ARGV  the builder's token, the marker of the new ranking, lifetime of its keys in seconds
--
-- Return 1, or 0 if the token has expired.

if redis.call('HGET', KEYS[4], '') ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[4], '', ARGV[2])
redis.call('UNLINK', KEYS[1], KEYS[2])
for index = 1, 2 do
    if redis.call('EXISTS', KEYS[index + 2]) == 1 then
        redis.call('RENAME', KEYS[index + 2], KEYS[index])
        redis.call('EXPIRE', KEYS[index], ARGV[3])
    end
end
return 1
