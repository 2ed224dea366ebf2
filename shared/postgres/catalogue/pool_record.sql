-- name: lock_pool_versions
-- Wait until no other transaction records pools. The lock ends with the transaction.
SELECT pg_advisory_xact_lock(1667785068, 7);

-- name: read_draw_secret
-- Return the secret of draws.
SELECT secret FROM draw_secret;

-- name: read_pool_versions
-- Return the recorded definitions of these pools in order of time, each with the instant since which it is in use.
-- $1 challenge_ids
SELECT challenge_id, microseconds(since), definition
FROM pool_version
WHERE challenge_id = ANY ($1::text[])
ORDER BY challenge_id, since;

-- name: insert_pool_versions
-- Record the definitions that pools have from now on.
-- $1 challenge_ids, $2 sinces, $3 definitions
INSERT INTO pool_version (challenge_id, since, definition)
SELECT challenge_id, instant(since), definition
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS defined (challenge_id, since, definition);

-- name: forget_pool_versions
-- Delete the definitions of pools from before an instant by pool.
-- $1 challenge_ids, $2 befores
DELETE FROM pool_version
USING unnest($1::text[], $2::bigint[]) AS past (past_challenge, before)
WHERE challenge_id = past_challenge AND since < instant(before);
