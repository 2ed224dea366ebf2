-- Whether a grant waits or is under way.
SELECT EXISTS (SELECT FROM reward_outbox WHERE state IN ('PENDING', 'DELIVERING'));
