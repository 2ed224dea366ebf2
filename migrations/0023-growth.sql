-- depends: 0021-unnamed-calls
--
-- Growth: how far the highest value of a tally is above where the lowest began. Adding a column without a default changes
-- no row, and no tally has it but those of goals that count growth.
ALTER TABLE tally ADD COLUMN lowest_opening bigint;

COMMENT ON COLUMN tally.lowest_opening IS
    'Lowest value before an event. Where it is kept, "sum" is the highest value minus this one.';
