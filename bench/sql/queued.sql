-- All grants that wait, in the order of their queue: player and grant.
SELECT user_id, grant_id FROM reward_outbox WHERE state = 'PENDING' ORDER BY provider, priority, due_time, grant_id;
