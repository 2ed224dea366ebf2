-- Deleted completions do not come back: standings keep it, but would lose it by recalculation.
DROP TABLE started_challenge;
DROP TABLE carried_completion;
