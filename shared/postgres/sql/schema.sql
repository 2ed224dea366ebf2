-- name: has_migrations
-- Whether any migration was ever applied here.
SELECT to_regclass('_yoyo_migration') IS NOT NULL;

-- name: applied_migrations
-- The names of the migrations that are applied.
SELECT migration_id FROM _yoyo_migration;
