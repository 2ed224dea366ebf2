DROP TABLE challenge_report;
DROP TABLE points_adjustment;
DROP TABLE standing;
ALTER TABLE completion
    DROP COLUMN challenge_id,
    DROP COLUMN tags,
    DROP COLUMN points,
    DROP COLUMN active_since;
