-- The number of rows ever inserted or updated, by table; the ledger's partitions count as one.
SELECT CASE WHEN relname LIKE 'event_seen_%' THEN 'event_seen' ELSE relname END, sum(n_tup_ins + n_tup_upd)::bigint
FROM pg_stat_user_tables
GROUP BY 1;
