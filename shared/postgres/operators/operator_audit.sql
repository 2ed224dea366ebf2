-- name: insert_operator_audit
-- Record a change by an operator, and return the id of the row.
-- $1 act_time, $2 operator, $3 kind, $4 phase, $5 begun_id, $6 user_id, $7 reason, $8 details
INSERT INTO operator_audit (act_time, operator, kind, phase, begun_id, user_id, reason, details)
VALUES (instant($1), $2, $3, $4, $5, $6, $7, $8::jsonb)
RETURNING audit_id;

-- name: read_operator_audit
-- Return a page of the recorded changes, the newest first. A null condition matches everything; a kind also matches those
-- that it begins.
-- $1 since, $2 kind, $3 before_id, $4 count_max
SELECT
    audit_id, act_time, operator, database_role, kind, phase, begun_id, user_id, reason, details::text
FROM operator_audit
WHERE ($1::bigint IS NULL OR act_time >= instant($1))
    AND ($2::text IS NULL OR kind = $2 OR starts_with(kind, $2 || ' '))
    AND ($3::bigint IS NULL OR audit_id < $3)
ORDER BY audit_id DESC
LIMIT $4::integer;

-- name: read_operator_audit_of_player
-- Return a page of the recorded changes that concern a player, as read_operator_audit does.
-- $1 user_id, $2 since, $3 kind, $4 before_id, $5 count_max
SELECT
    audit_id, act_time, operator, database_role, kind, phase, begun_id, user_id, reason, details::text
FROM operator_audit
WHERE user_id = $1
    AND ($2::bigint IS NULL OR act_time >= instant($2))
    AND ($3::text IS NULL OR kind = $3 OR starts_with(kind, $3 || ' '))
    AND ($4::bigint IS NULL OR audit_id < $4)
ORDER BY audit_id DESC
LIMIT $5::integer;

-- name: find_operator_audit
-- Return one recorded change.
-- $1 audit_id
SELECT
    audit_id, act_time, operator, database_role, kind, phase, begun_id, user_id, reason, details::text
FROM operator_audit
WHERE audit_id = $1;

-- name: lock_undo
-- Let one transaction at a time undo a change.
-- $1 audit_id
SELECT pg_advisory_xact_lock(hashtextextended('undo of an operator''s change', $1));

-- name: operator_audit_undone
-- Return whether a change of a player is undone.
-- $1 user_id, $2 audit_id
SELECT EXISTS (SELECT FROM operator_audit WHERE user_id = $1 AND (details ->> 'undoes')::bigint = $2);

-- name: operator_audit_exists
-- Return whether the schema has the audit already.
SELECT to_regclass('operator_audit') IS NOT NULL;
