-- Begins to build a ranking beside the one in use, unless another one is being built.
--
-- KEYS  order and players of the ranking that is being built
-- ARGV  the builder's token, seconds that it holds
--
-- Answers 1 if it has begun.

if redis.call('HEXISTS', KEYS[2], '') == 1 then
    return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[2], '', ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
