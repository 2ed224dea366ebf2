-- The number of grants delivered, and the seconds in which the middle four fifths of them were.
SELECT
    count(*),
    extract(
        epoch FROM percentile_disc(0.9) WITHIN GROUP (ORDER BY settle_time)
            - percentile_disc(0.1) WITHIN GROUP (ORDER BY settle_time)
    )::float8
FROM reward_outbox
WHERE state = 'GRANTED';
