ALTER TABLE tally DROP COLUMN lowest_opening;
