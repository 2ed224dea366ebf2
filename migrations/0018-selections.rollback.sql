ALTER TABLE assignment DROP COLUMN inactive_since;
DROP TABLE selection;
