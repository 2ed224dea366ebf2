-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS reward_outbox_settled;
