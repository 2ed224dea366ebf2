-- depends: 0044-settled-grants-index
--
-- The rankings in the database become tables that follow what changes. This migration makes the tables and copies what the
-- views have; the next one puts them in the place of the views. No call waits for the copy.

-- No ranking is refreshed meanwhile.
DO $$
BEGIN
    PERFORM pg_advisory_xact_lock(1667785068, 4);
END
$$;

-- Players whose scores a transaction has changed, until the rankings in the database have them. A player may be in several entries.
CREATE TABLE ranking_change (
    user_ids text[] COLLATE "C" NOT NULL,
    players  integer NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

COMMENT ON COLUMN ranking_change.players IS 'The number of user_ids.';

-- The rankings in the database.
CREATE TABLE ranking_state (
    board_id     text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    phase        text COLLATE "C" NOT NULL DEFAULT 'open',
    notes_epoch  bigint NOT NULL DEFAULT 0,
    sweep_epoch  bigint,
    fresh_at     timestamptz,
    CONSTRAINT ranking_state_pkey PRIMARY KEY (board_id, period_start),
    CONSTRAINT ranking_state_phase_known CHECK (phase IN ('open', 'closing', 'dropping'))
) WITH (fillfactor = 50);

COMMENT ON COLUMN ranking_state.phase IS
    'open: follows the scores; closing: follows them no more, and is being made final; dropping: its rows are being deleted.';
COMMENT ON COLUMN ranking_state.notes_epoch IS 'The notes_epoch of the leaderboard when the last complete sweep began.';
COMMENT ON COLUMN ranking_state.sweep_epoch IS 'The same of the sweep under way; null if that does not cover this ranking.';
COMMENT ON COLUMN ranking_state.fresh_at IS 'Everything committed before is in the ranking; null until it can be read.';

-- Neighbours in the order of a ranking, some hundred to thousand players, from a bound to the next one. A place is the sum
-- of the buckets before and a count within its own. The columns of the bound are not named as those of players are.
CREATE TABLE leaderboard_bucket (
    bucket_id    bigint GENERATED ALWAYS AS IDENTITY,
    board_id     text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    first_score  bigint NOT NULL,
    first_time   timestamptz NOT NULL,
    first_id     text COLLATE "C" NOT NULL,
    players      bigint NOT NULL,
    CONSTRAINT leaderboard_bucket_pkey PRIMARY KEY (bucket_id),
    CONSTRAINT leaderboard_bucket_players_counted CHECK (players >= 0)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- The progress of making a ranking final. At most one is under way.
CREATE TABLE ranking_finish (
    board_id     text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    begin_time   timestamptz NOT NULL,
    bookmark     text COLLATE "C",
    players      bigint NOT NULL DEFAULT 0,
    last_score   bigint,
    last_time    timestamptz,
    last_id      text COLLATE "C",
    last_rank    bigint,
    CONSTRAINT ranking_finish_pkey PRIMARY KEY (board_id, period_start)
) WITH (fillfactor = 50);

COMMENT ON COLUMN ranking_finish.bookmark IS 'Scores of players up to this id are read; null once all are.';
COMMENT ON COLUMN ranking_finish.players IS 'How many players have their place; the other columns are of the last of them.';

-- First the states: they are not newer than the rows.
INSERT INTO ranking_state (board_id, period_start, fresh_at)
SELECT period.board_id, period.period_start, refresh.fresh_at
FROM leaderboard_refresh AS refresh
CROSS JOIN leaderboard_period AS period
JOIN leaderboard AS board ON board.board_id = period.board_id
WHERE period.final_time IS NULL AND board.in_use;

-- The players of each ranking: leaderboard_ranking, once it is in the place of the view.
CREATE TABLE leaderboard_ranked WITH (autovacuum_vacuum_scale_factor = 0.05) AS
SELECT ranked.board_id, ranked.period_start, ranked.user_id, ranked.score, ranked.reached_time, ranked.sort_score
FROM leaderboard_ranking AS ranked
JOIN ranking_state AS state ON state.board_id = ranked.board_id AND state.period_start = ranked.period_start;

ALTER TABLE leaderboard_ranked ALTER COLUMN score SET NOT NULL;
ALTER TABLE leaderboard_ranked ALTER COLUMN reached_time SET NOT NULL;
ALTER TABLE leaderboard_ranked ALTER COLUMN sort_score SET NOT NULL;

-- Serves reads, changes and erasures by player.
ALTER TABLE leaderboard_ranked ADD CONSTRAINT leaderboard_ranked_pkey PRIMARY KEY (user_id, board_id, period_start);

-- Serves reads by place.
CREATE UNIQUE INDEX leaderboard_ranked_order ON leaderboard_ranked (
    board_id, period_start, sort_score, reached_time, user_id
);

-- The first bucket of a ranking begins before every player.
INSERT INTO leaderboard_bucket (board_id, period_start, first_score, first_time, first_id, players)
SELECT board_id, period_start, -9223372036854775808, '-infinity', '', 0
FROM ranking_state;

UPDATE leaderboard_bucket AS bucket
SET players = ranked.players
FROM (SELECT board_id, period_start, count(*) AS players FROM leaderboard_ranked GROUP BY board_id, period_start) AS ranked
WHERE ranked.board_id = bucket.board_id AND ranked.period_start = bucket.period_start;

INSERT INTO leaderboard_bucket (board_id, period_start, first_score, first_time, first_id, players)
SELECT board_id, period_start, sort_score, reached_time, user_id, least(width, size - earlier)
FROM (
    SELECT
        ranked.board_id, ranked.period_start, ranked.sort_score, ranked.reached_time, ranked.user_id,
        row_number() OVER (
            PARTITION BY ranked.board_id, ranked.period_start
            ORDER BY ranked.sort_score, ranked.reached_time, ranked.user_id
        ) - 1 AS earlier,
        bucket.players AS size,
        greatest(500, sqrt(bucket.players)::bigint) AS width
    FROM leaderboard_ranked AS ranked
    JOIN leaderboard_bucket AS bucket
        ON bucket.board_id = ranked.board_id AND bucket.period_start = ranked.period_start
) AS placed
WHERE earlier > 0 AND earlier % width = 0;

UPDATE leaderboard_bucket
SET players = least(players, greatest(500, sqrt(players)::bigint))
WHERE first_time = '-infinity';

-- Serves reads by place, and finds the bucket of a player.
CREATE UNIQUE INDEX leaderboard_bucket_order ON leaderboard_bucket (
    board_id, period_start, first_score, first_time, first_id
);
