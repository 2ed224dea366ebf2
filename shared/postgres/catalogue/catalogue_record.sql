-- name: insert_goal_identities
-- Record the definitions of new goal ids; known ones keep theirs. Ids must be sorted: their order is the lock order.
-- $1 goal_ids, $2 sources, $3 stat_codes, $4 countings, $5 schedules
INSERT INTO goal_identity (goal_id, source, stat_code, counting, schedule)
SELECT goal_id, source, stat_code, counting, schedule
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS defined (goal_id, source, stat_code, counting, schedule)
ON CONFLICT (goal_id) DO NOTHING;

-- name: read_goal_identities
-- Return the recorded definitions of these goal ids.
-- $1 goal_ids
SELECT goal_id, source, stat_code, counting, schedule
FROM goal_identity
WHERE goal_id = ANY ($1::text[]);

-- name: insert_goal_tiers
-- Record what new numbers of tiers stand for; known ones keep theirs. Keys must be sorted: their order is the lock order.
-- $1 goal_ids, $2 numbers, $3 tier_ids
INSERT INTO goal_tier (goal_id, number, tier_id)
SELECT goal_id, number, tier_id
FROM unnest($1::text[], $2::integer[], $3::text[]) AS defined (goal_id, number, tier_id)
ON CONFLICT (goal_id, number) DO NOTHING;

-- name: read_goal_tiers
-- Return the recorded tiers of these goals.
-- $1 goal_ids
SELECT goal_id, number, tier_id
FROM goal_tier
WHERE goal_id = ANY ($1::text[]);

-- name: insert_catalogue_version
-- Record that a catalogue version runs, and since when; a known one keeps its time.
-- $1 version, $2 first_run_time
INSERT INTO catalogue_version (version, first_run_time)
VALUES ($1, instant($2))
ON CONFLICT (version) DO NOTHING;

-- name: has_catalogue_version_run
-- Return whether any process has ever used this catalogue version.
-- $1 version
SELECT EXISTS (SELECT FROM catalogue_version WHERE version = $1);

-- name: read_recorded_ids
-- Return the ids that catalogues had, with their kind: of goals, leaderboards and seasons all, of stats, challenges and
-- tags those that other rows name.
SELECT 'goal', goal_id FROM goal_identity
UNION ALL
SELECT 'leaderboard', board_id FROM leaderboard
UNION ALL
SELECT DISTINCT 'season', season_id FROM season_run
UNION ALL
(
    SELECT 'stat', stat_code FROM goal_identity WHERE source = 'stat'
    UNION
    SELECT 'stat', stat_code FROM leaderboard WHERE source = 'stat'
    UNION
    SELECT scope, scope_id FROM leaderboard WHERE scope IN ('challenge', 'tag')
    UNION
    SELECT 'challenge', challenge_id FROM challenge_report
);
