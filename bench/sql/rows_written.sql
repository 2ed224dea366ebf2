-- Rows that were ever inserted or updated, by table; the ledger's partitions together.
SELECT CASE WHEN relname LIKE 'event_seen_%' THEN 'event_seen' ELSE relname END, sum(n_tup_ins + n_tup_upd)::bigint
FROM pg_stat_user_tables
GROUP BY 1;
