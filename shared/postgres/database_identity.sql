-- name: read_database_identity
-- Return the name of this database in keys of Redis, the server's timeline, and the agreed prefix.
SELECT database_key(), server_timeline(), (SELECT prefix FROM redis_prefix);

-- name: agree_redis_prefix
-- Set the prefix of keys in Redis, unless one is agreed.
-- $1 redis_prefix
INSERT INTO redis_prefix (prefix) VALUES ($1) ON CONFLICT (only_row) DO NOTHING;

-- name: replace_redis_prefix
-- Set the prefix of keys in Redis, whatever it was.
-- $1 redis_prefix
INSERT INTO redis_prefix (prefix) VALUES ($1) ON CONFLICT (only_row) DO UPDATE SET prefix = excluded.prefix;

-- name: renew_database_identity
-- Give the database another identity.
-- $1 changed_time
UPDATE database_identity SET identity = gen_random_uuid(), changed_time = instant($1);
