DROP FUNCTION server_timeline;
DROP FUNCTION database_key;
DROP TABLE redis_prefix;
DROP TABLE database_identity;
