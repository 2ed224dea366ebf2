ALTER TABLE assignment DROP COLUMN frozen_period_start;
