-- What players have completed and not claimed: player and goal.
SELECT user_id, goal_id FROM completion WHERE claim_time IS NULL ORDER BY user_id, goal_id;
