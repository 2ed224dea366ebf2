-- The backend's process id, the bytes of WAL ever written, and the images of whole pages in it.
SELECT pg_backend_pid(), pg_current_wal_insert_lsn() - '0/0'::pg_lsn, wal_fpi FROM pg_stat_wal;
