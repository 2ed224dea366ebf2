-- Makes room for another builder of a ranking.
--
-- KEYS  players of the ranking that is being built
-- ARGV  the builder's token

if redis.call('HGET', KEYS[1], '') == ARGV[1] then
    redis.call('UNLINK', KEYS[1])
end
