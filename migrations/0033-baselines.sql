-- depends: 0032-players
--
-- Baselines: where a goal begins to count that counts from its activation on. Adding a column without a default changes no
-- row, and no choice has it but those for such goals.
ALTER TABLE assignment ADD COLUMN baseline bigint;

COMMENT ON COLUMN assignment.baseline IS
    'Measure in the period of "frozen_period_start" when the goal was activated; null for goals that count everything.';
