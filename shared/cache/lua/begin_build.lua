-- Begin to build a ranking beside the one in use, unless a build is under way.
--
-- KEYS  order and players of the ranking being built
-- ARGV  the builder's token, its lifetime in seconds
--
-- Return 1 if the build has begun, else 0.

if redis.call('HEXISTS', KEYS[2], '') == 1 then
    return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[2], '', ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
