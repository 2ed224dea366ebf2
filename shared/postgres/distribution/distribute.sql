-- name: count_worker_nodes
-- Return the number of nodes that can hold shards.
SELECT count(*) FROM pg_dist_node WHERE isactive AND shouldhaveshards;

-- name: distribute_functions
-- Create on every node the functions that statements call there, unless they are known: those made before the extension are not.
SELECT create_distributed_function(function.oid::regprocedure)
FROM pg_proc AS function
WHERE function.pronamespace = current_schema()::regnamespace
    AND function.provolatile = 'i'
    AND NOT EXISTS (SELECT FROM pg_dist_object AS known WHERE known.classid = 'pg_proc'::regclass AND known.objid = function.oid)
    AND NOT EXISTS (
        SELECT FROM pg_depend AS member
        WHERE member.classid = 'pg_proc'::regclass AND member.objid = function.oid AND member.deptype = 'e'
    );

-- name: lock_undistributed_tables
-- Lock all tables in the order in which calls lock rows of theirs, behind calls that have begun: a call that waits for one table would
-- otherwise keep another, which is distributed later.
LOCK TABLE
    event_seen, player, selection, distinct_value, tally, assignment, completion, carried_completion, player_attribute,
    settled_completion, started_challenge, standing
IN EXCLUSIVE MODE;

-- name: distribute_first_table
-- Distribute a table by player over a number of shards. Its rows move to them.
-- $1 table, $2 shards
SELECT create_distributed_table($1::text::regclass, 'user_id', colocate_with => 'none', shard_count => $2::integer);

-- name: distribute_further_table
-- Distribute a table as another one is, so that a player's rows are on one node.
-- $1 table, $2 other table
SELECT create_distributed_table($1::text::regclass, 'user_id', colocate_with => $2::text);

-- name: gather_table
-- Move the rows of a distributed table to the coordinator.
-- $1 table
SELECT undistribute_table($1::text::regclass);

-- name: forget_undistributed_rows
-- Free the space of the rows that have moved to shards.
-- $1 table
SELECT truncate_local_data_after_distributing_table($1::text::regclass);

-- name: end_other_sessions
-- End the sessions of this database that were opened before tables were distributed: their plans do not fit any more.
SELECT count(pg_terminate_backend(pid))
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend';
