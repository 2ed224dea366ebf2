ALTER TABLE assignment DROP COLUMN baseline;
