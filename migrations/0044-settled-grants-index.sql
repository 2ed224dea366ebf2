-- depends: 0043-settled-grants
-- transactional: false
--
-- Serves move_settled_grants: the settled grants of the outbox, the oldest first. It is built beside calls. A build that was
-- interrupted leaves an invalid index behind, which is dropped first.
SET lock_timeout = '1min';

DROP INDEX CONCURRENTLY IF EXISTS reward_outbox_settled;

CREATE INDEX CONCURRENTLY reward_outbox_settled ON reward_outbox (settle_time)
WHERE state = ANY (ARRAY['GRANTED', 'REFUSED', 'REFUNDED']);

SET lock_timeout = '3s';
