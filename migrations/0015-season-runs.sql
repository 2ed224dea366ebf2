-- depends: 0012-time
--
-- Data that periods depend on beside the catalogue in use: the runs that seasons had, and the time zone data.

-- Every run of a season that a catalogue ever had. What players did in a run is stored under its start.
CREATE TABLE season_run (
    season_id  text COLLATE "C" NOT NULL,
    start_time timestamptz NOT NULL,
    end_time   timestamptz NOT NULL,
    CONSTRAINT season_run_pkey PRIMARY KEY (season_id, start_time),
    CONSTRAINT season_run_ends_after_its_start CHECK (end_time > start_time)
);

-- The version of the time zone data that periods are computed with. Processes with different versions would count one
-- event in different periods.
CREATE TABLE time_zone_data (
    only_row boolean NOT NULL DEFAULT true,
    version  text COLLATE "C" NOT NULL,
    CONSTRAINT time_zone_data_pkey PRIMARY KEY (only_row),
    CONSTRAINT time_zone_data_is_one_row CHECK (only_row)
);
