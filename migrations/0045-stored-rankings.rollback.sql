DROP TABLE ranking_finish;
DROP TABLE leaderboard_bucket;
DROP TABLE leaderboard_ranked;
DROP TABLE ranking_state;
DROP TABLE ranking_change;
