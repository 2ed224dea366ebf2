ALTER TABLE player
    DROP COLUMN zone_times,
    DROP COLUMN zone_names;
