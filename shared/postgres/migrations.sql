-- name: has_migrations
-- Return whether any migration was ever applied.
SELECT to_regclass('_yoyo_migration') IS NOT NULL;

-- name: applied_migrations
-- Return the names of the applied migrations.
SELECT migration_id FROM _yoyo_migration;
