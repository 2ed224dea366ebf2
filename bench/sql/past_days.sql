-- Number of tallies of periods that begin before an instant in microseconds since 1970.
SELECT count(*) FROM tally WHERE schedule = $1 AND period_start < timestamptz 'epoch' + $2::bigint * interval '1 microsecond';
