-- transactional: false
DROP INDEX CONCURRENTLY completion_of_goal;
