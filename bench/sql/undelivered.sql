-- Return true if a grant is waiting or being delivered.
SELECT EXISTS (SELECT FROM reward_outbox WHERE state IN ('PENDING', 'DELIVERING'));
