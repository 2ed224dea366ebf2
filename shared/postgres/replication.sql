-- name: require_replication
-- Let the COMMIT of this transaction wait for the synchronous standbys, even if the transaction writes nothing else. A
-- session that also waits until standbys show the transaction keeps that.
SELECT
    set_config(
        'synchronous_commit',
        CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END,
        true
    ),
    pg_logical_emit_message(true, 'challenge', '');

-- name: synchronous_standbys
-- Return the names of synchronous standbys that the server is set to wait for, how many are connected and have caught up, and
-- how many connections of standbys this role may not see.
SELECT
    current_setting('synchronous_standby_names'),
    count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')),
    count(*) FILTER (WHERE sync_state IS NULL)
FROM pg_stat_replication;
