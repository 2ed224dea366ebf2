DROP TABLE ranking_finish;
DROP TABLE leaderboard_bucket;
DROP TABLE leaderboard_ranked;
DROP TABLE ranking_state;
ALTER TABLE leaderboard DROP COLUMN notes_epoch;
DROP TABLE ranking_change;
