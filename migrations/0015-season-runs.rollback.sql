DROP TABLE time_zone_data;
DROP TABLE season_run;
