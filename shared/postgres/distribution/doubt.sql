-- name: prepared_transactions
-- Return for each worker node whether it replied, and the transactions of Citus that are prepared there and not committed yet.
SELECT success, result
FROM run_command_on_workers($command$
    SELECT coalesce(string_agg(gid, ' '), '')
    FROM pg_prepared_xacts
    WHERE database = current_database() AND gid LIKE 'citus%'
$command$);
