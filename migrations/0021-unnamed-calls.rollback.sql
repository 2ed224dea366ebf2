ALTER TABLE selection DROP COLUMN unnamed_calls;
