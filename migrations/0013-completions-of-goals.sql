-- depends: 0012-time
-- transactional: false
--
-- Completions by goal, across periods, for goals that goals of another schedule require. An ordinary build would block
-- calls, so it is built beside them, outside of a transaction. It waits for transactions that began before, but no call
-- waits behind it, so it may wait for longer than other migrations. A build that was interrupted leaves an invalid index
-- behind, which is dropped first.
SET lock_timeout = '1min';

DROP INDEX CONCURRENTLY IF EXISTS completion_of_goal;

-- Serves read_player_by_period.
CREATE INDEX CONCURRENTLY completion_of_goal ON completion (user_id, goal_id) WHERE period_start <> timestamptz 'epoch';

SET lock_timeout = '3s';
