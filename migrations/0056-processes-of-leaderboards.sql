-- depends: 0053-traces-of-players
--
-- The leaderboards that each running process knows. A process neither stores nor notes scores of other leaderboards. When it
-- ends, it lets the rankings of these be swept; when it is killed, another process finds its row here and does so.
CREATE TABLE leaderboard_process (
    process   text COLLATE "C" NOT NULL,
    board_ids text[] COLLATE "C" NOT NULL,
    seen_time timestamptz NOT NULL,
    CONSTRAINT leaderboard_process_pkey PRIMARY KEY (process)
);

COMMENT ON TABLE leaderboard_process IS 'Each running process, and the leaderboards of its catalogue.';
COMMENT ON COLUMN leaderboard_process.seen_time IS 'When the process last renewed its row, by the clock of the database.';
