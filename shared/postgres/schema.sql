-- name: has_migrations
-- Whether any migration was ever applied here.
SELECT to_regclass('_yoyo_migration') IS NOT NULL;

-- name: applied_migrations
-- The names of the migrations that are applied.
SELECT migration_id FROM _yoyo_migration;

-- name: is_read_only
-- Whether the server refuses writes.
SELECT current_setting('transaction_read_only') = 'on';
