-- name: insert_goal_identities
-- Notes what new goal ids stand for; known ones stay as they are. Ids must be sorted: the order is the order of the
-- locks.
INSERT INTO goal_identity (goal_id, source, stat_code, counting, schedule)
SELECT goal_id, source, stat_code, counting, schedule
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS defined (goal_id, source, stat_code, counting, schedule)
ON CONFLICT (goal_id) DO NOTHING;

-- name: read_goal_identities
-- What these goal ids stand for, as far as they are known.
SELECT goal_id, source, stat_code, counting, schedule
FROM goal_identity
WHERE goal_id = ANY ($1::text[]);

-- name: insert_catalogue_version
-- Notes that a catalogue version runs, and since when; a known one keeps its time.
INSERT INTO catalogue_version (version, first_run_time)
VALUES ($1, instant($2))
ON CONFLICT (version) DO NOTHING;

-- name: has_catalogue_version_run
-- Whether a process has taken this catalogue version into use, whenever that was.
SELECT EXISTS (SELECT FROM catalogue_version WHERE version = $1);
