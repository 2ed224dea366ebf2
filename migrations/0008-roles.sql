-- depends: 0007-instants
--
-- Rights that let services and operators work without owning the tables (deploy/roles.sql makes the roles).
--
-- Work that needs more rights than those on rows is done by functions with the rights of the owner. Their search path is fixed,
-- so that no table of a caller can stand in for one of ours, and no role may execute them that was not granted that.

CREATE FUNCTION refresh_leaderboard_ranking() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY leaderboard_ranking;
END
$$;

CREATE FUNCTION refresh_leaderboard_mark() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY leaderboard_mark;
END
$$;

CREATE FUNCTION analyze_leaderboard_ranking() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    ANALYZE leaderboard_ranking;
END
$$;

CREATE FUNCTION analyze_leaderboard_mark() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    ANALYZE leaderboard_mark;
END
$$;

-- Audit tables say which role of the database acted, beside the name that the operator gave, and only the owner may
-- change or delete what is in them.

ALTER TABLE reward_audit ADD COLUMN database_role text;
ALTER TABLE points_adjustment ADD COLUMN database_role text;

COMMENT ON COLUMN reward_audit.operator IS 'The name that the operator gave; nothing checks it.';
COMMENT ON COLUMN points_adjustment.operator IS 'The name that the operator gave; nothing checks it.';
COMMENT ON COLUMN reward_audit.database_role IS 'The role that the operator logged in as; null for acts before this column.';
COMMENT ON COLUMN points_adjustment.database_role IS 'The role that the operator logged in as; null for acts before this column.';

CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.database_role := session_user;
        RETURN NEW;
    END IF;
    IF NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
        RAISE insufficient_privilege USING MESSAGE = format('rows of %I may only be added', TG_TABLE_NAME);
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;

CREATE TRIGGER reward_audit_is_kept BEFORE INSERT OR UPDATE OR DELETE ON reward_audit
FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER reward_audit_is_not_truncated BEFORE TRUNCATE ON reward_audit
FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();
CREATE TRIGGER points_adjustment_is_kept BEFORE INSERT OR UPDATE OR DELETE ON points_adjustment
FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER points_adjustment_is_not_truncated BEFORE TRUNCATE ON points_adjustment
FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();

DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'make_event_seen_partition(date)', 'drop_event_seen_partitions(date)',
        'refresh_leaderboard_ranking()', 'refresh_leaderboard_mark()',
        'analyze_leaderboard_ranking()', 'analyze_leaderboard_mark()'
    ]
    LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', signature, current_schema()
        );
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
    END LOOP;
END
$$;
