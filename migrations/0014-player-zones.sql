-- depends: 0012-time
--
-- The zones that players have named, each with its instant: the periods of schedules that follow a player's own days are a
-- fold over them. Adding columns with a constant default changes no row, and existing players have named none, or one
-- that holds for all periods (time_zone).
ALTER TABLE player
    ADD COLUMN zone_times bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN zone_names text[] NOT NULL DEFAULT '{}';

ALTER TABLE player
    ADD CONSTRAINT player_zones_have_times CHECK (cardinality(zone_times) = cardinality(zone_names)) NOT VALID;

ALTER TABLE player
    ADD CONSTRAINT player_zones_are_few CHECK (cardinality(zone_times) <= 100) NOT VALID;

COMMENT ON COLUMN player.zone_times IS 'Instants in microseconds, as the arrays of period starts are.';
COMMENT ON COLUMN player.zone_names IS 'The time zones that the player has named at these instants.';
