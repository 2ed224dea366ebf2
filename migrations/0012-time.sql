-- depends: 0011-two-releases
--
-- Goals that count by period. Keys of tallies and completions have had their schedule and period from the beginning.
-- Progress that was frozen by a deactivation belongs to a period, too. Adding a column without a default changes no row.
ALTER TABLE assignment ADD COLUMN frozen_period_start timestamptz;

COMMENT ON COLUMN assignment.frozen_period_start IS
    'Start of the period that frozen_progress belongs to; null for the lifetime.';
