-- Release the token of a build, so that another builder can begin.
--
-- KEYS  players of the ranking being built
-- ARGV  the builder's token

if redis.call('HGET', KEYS[1], '') == ARGV[1] then
    redis.call('UNLINK', KEYS[1])
end
