-- depends: 0035-goal-tiers
--
-- Deletes the oldest rows of the audits of operators, a limited number at a time, and returns how many. By the clock of the
-- database they are at least 400 days old, whatever is passed. Points that operators gave are not deleted: standings are
-- recalculated from them.
CREATE FUNCTION delete_old_audits(before timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last_kept timestamptz := least(before, database_time() - interval '400 days');
    deleted bigint;
    further bigint;
BEGIN
    DELETE FROM operator_audit
    WHERE audit_id = ANY (ARRAY (
        SELECT audit_id FROM operator_audit WHERE act_time < last_kept ORDER BY audit_id LIMIT 1000
    ));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    DELETE FROM reward_audit
    WHERE audit_id = ANY (ARRAY (
        SELECT audit_id FROM reward_audit WHERE act_time < last_kept ORDER BY audit_id LIMIT 1000
    ));
    GET DIAGNOSTICS further = ROW_COUNT;
    RETURN deleted + further;
END
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION delete_old_audits(timestamptz) SECURITY DEFINER SET search_path = %I, pg_temp', current_schema()
    );
    REVOKE EXECUTE ON FUNCTION delete_old_audits(timestamptz) FROM PUBLIC;
END
$$;
