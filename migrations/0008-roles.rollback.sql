DROP TRIGGER reward_audit_is_kept ON reward_audit;
DROP TRIGGER reward_audit_is_not_truncated ON reward_audit;
DROP TRIGGER points_adjustment_is_kept ON points_adjustment;
DROP TRIGGER points_adjustment_is_not_truncated ON points_adjustment;
DROP FUNCTION keep_audit();

ALTER TABLE reward_audit DROP COLUMN database_role;
ALTER TABLE points_adjustment DROP COLUMN database_role;
COMMENT ON COLUMN reward_audit.operator IS NULL;
COMMENT ON COLUMN points_adjustment.operator IS NULL;

DROP FUNCTION refresh_leaderboard_ranking();
DROP FUNCTION refresh_leaderboard_mark();
DROP FUNCTION analyze_leaderboard_ranking();
DROP FUNCTION analyze_leaderboard_mark();

ALTER FUNCTION make_event_seen_partition(date) SECURITY INVOKER RESET search_path;
ALTER FUNCTION drop_event_seen_partitions(date) SECURITY INVOKER RESET search_path;
GRANT EXECUTE ON FUNCTION make_event_seen_partition(date), drop_event_seen_partitions(date) TO PUBLIC;
