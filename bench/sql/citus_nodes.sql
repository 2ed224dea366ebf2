-- The nodes of a Citus cluster, the coordinator among them.
SELECT nodename, nodeport FROM pg_dist_node
