DROP TABLE leaderboard_process;
