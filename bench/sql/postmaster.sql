-- The process id of the server that this session is on, which only superusers may read.
SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int
