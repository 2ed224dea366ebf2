-- Player and goal of each completion that is not claimed.
SELECT user_id, goal_id FROM completion WHERE claim_time IS NULL ORDER BY user_id, goal_id;
