DROP TABLE goal_tier;
