-- Sets for this session how images of whole pages are compressed.
SELECT set_config('wal_compression', $1, false);
