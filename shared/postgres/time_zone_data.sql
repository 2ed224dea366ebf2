-- name: read_time_zone_version
-- Return the version of the time zone data that periods are computed with.
SELECT version FROM time_zone_data;

-- name: record_time_zone_version
-- Record the version of the time zone data that periods are computed with from now on.
-- $1 version
INSERT INTO time_zone_data (version) VALUES ($1) ON CONFLICT (only_row) DO UPDATE SET version = excluded.version;
