DROP TRIGGER reward_audit_is_copied ON reward_audit;
DROP TRIGGER points_adjustment_is_copied ON points_adjustment;
DROP FUNCTION copy_reward_audit();
DROP FUNCTION copy_points_adjustment();
DROP TABLE operator_audit;
