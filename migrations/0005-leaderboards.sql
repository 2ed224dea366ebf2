-- depends: 0004-statistics
--
-- Leaderboards: what they rank, their periods, the ranking that is read while Redis is away, and the rankings of periods
-- that are over.

ALTER TABLE tally
    ADD COLUMN sum_time     timestamptz,
    ADD COLUMN events_time  timestamptz,
    ADD COLUMN highest_time timestamptz;

COMMENT ON COLUMN tally.sum_time IS 'The newest event with a delta: when the sum was reached, in whatever order events came.';
COMMENT ON COLUMN tally.events_time IS 'The newest event.';
COMMENT ON COLUMN tally.highest_time IS 'The oldest event with the highest value.';

-- Serves leaderboard_score for boards over a period. Lifetime tallies, which are most, are not in it.
CREATE INDEX tally_of_period ON tally (schedule, period_start, source, stat_code) WHERE schedule <> 'lifetime';

-- Serves leaderboard_score for boards over points.
CREATE INDEX standing_of_scope ON standing (scope, scope_id, schedule, period_start);

-- Every board that a catalogue ever had, so that SQL can rank by them. What a board ranks never changes under its id.
CREATE TABLE leaderboard (
    board_id    text COLLATE "C" NOT NULL,
    measure     text COLLATE "C" NOT NULL,
    scope       text COLLATE "C",
    scope_id    text COLLATE "C",
    source      text COLLATE "C",
    stat_code   text COLLATE "C",
    schedule    text COLLATE "C" NOT NULL,
    ascending   boolean NOT NULL,
    epoch       bigint NOT NULL DEFAULT 1,
    wanted_time timestamptz NOT NULL DEFAULT timestamptz 'epoch',
    in_use      boolean NOT NULL DEFAULT true,
    CONSTRAINT leaderboard_pkey PRIMARY KEY (board_id),
    CONSTRAINT leaderboard_measure_known CHECK (measure IN ('points', 'sum', 'events', 'highest', 'days')),
    CONSTRAINT leaderboard_points_have_a_scope CHECK ((measure = 'points') = (scope IS NOT NULL AND scope_id IS NOT NULL)),
    CONSTRAINT leaderboard_measures_have_a_stat CHECK ((measure <> 'points') = (source IS NOT NULL AND stat_code IS NOT NULL))
);

COMMENT ON COLUMN leaderboard.epoch IS 'Rises when what Redis holds of the board may have missed changes: it is not used any more then.';
COMMENT ON COLUMN leaderboard.wanted_time IS 'When a process last said that its catalogue has the board.';
COMMENT ON COLUMN leaderboard.in_use IS 'Whether it is ranked: false once no process has wanted it for a while.';

CREATE TABLE leaderboard_period (
    board_id     text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    period_end   timestamptz,
    final_time   timestamptz,
    players      bigint,
    CONSTRAINT leaderboard_period_pkey PRIMARY KEY (board_id, period_start),
    CONSTRAINT leaderboard_period_players_when_final CHECK ((final_time IS NULL) = (players IS NULL))
);

COMMENT ON COLUMN leaderboard_period.period_end IS 'Null for the lifetime.';
COMMENT ON COLUMN leaderboard_period.final_time IS 'Since when its ranking is final; null while events may still change it.';

-- Everybody's score on each board in each period that is not final. Reads of one board name it and its period.
CREATE VIEW leaderboard_score AS
SELECT
    board.board_id, period.period_start, standing.user_id,
    standing.points AS score, coalesce(standing.points_time, timestamptz 'epoch') AS reached_time, standing.version,
    board.ascending, board.in_use
FROM leaderboard AS board
JOIN leaderboard_period AS period ON period.board_id = board.board_id AND period.final_time IS NULL
JOIN standing
    ON standing.scope = board.scope
    AND standing.scope_id = board.scope_id
    AND standing.schedule = board.schedule
    AND standing.period_start = period.period_start
WHERE board.measure = 'points' AND standing.version > 0
UNION ALL
SELECT
    board_id, period_start, user_id,
    CASE measure WHEN 'sum' THEN sum WHEN 'events' THEN events WHEN 'highest' THEN highest ELSE day_count END,
    coalesce(
        CASE measure
            WHEN 'sum' THEN sum_time
            WHEN 'events' THEN events_time
            WHEN 'highest' THEN highest_time
            ELSE timestamptz 'epoch' + (upper(days) - 1) * interval '1 day'
        END,
        timestamptz 'epoch'
    ),
    events, ascending, in_use
FROM (
    -- In two parts, because the index on tallies of periods serves only where it is said that they are none of a lifetime.
    SELECT board.measure, board.board_id, board.ascending, board.in_use, tally.*
    FROM leaderboard AS board
    JOIN leaderboard_period AS period ON period.board_id = board.board_id AND period.final_time IS NULL
    JOIN tally
        ON tally.source = board.source
        AND tally.stat_code = board.stat_code
        AND tally.schedule = board.schedule
        AND tally.period_start = period.period_start
    WHERE board.schedule <> 'lifetime' AND tally.schedule <> 'lifetime'
    UNION ALL
    SELECT board.measure, board.board_id, board.ascending, board.in_use, tally.*
    FROM leaderboard AS board
    JOIN leaderboard_period AS period ON period.board_id = board.board_id AND period.period_end IS NULL
    JOIN tally
        ON tally.source = board.source
        AND tally.stat_code = board.stat_code
        AND tally.period_start = period.period_start
    WHERE board.schedule = 'lifetime' AND tally.schedule = 'lifetime'
) AS ranked_tally
WHERE measure <> 'points'
    AND CASE measure
        WHEN 'sum' THEN sum > 0
        WHEN 'events' THEN events > 0
        WHEN 'highest' THEN highest IS NOT NULL
        ELSE day_count > 0
    END;

-- The ranking that is read while Redis is away: as of the last refresh. It holds no places, because one new player at the
-- top would change all of them: a refresh writes what has changed, and only that.
CREATE MATERIALIZED VIEW leaderboard_ranking AS
SELECT
    board_id, period_start, user_id, score, reached_time,
    CASE WHEN ascending THEN score ELSE -score END AS sort_score
FROM leaderboard_score
WHERE in_use;

-- Serves reads by place. Unique, so that the view can be refreshed while it is read.
CREATE UNIQUE INDEX leaderboard_ranking_order ON leaderboard_ranking (
    board_id, period_start, sort_score, reached_time, user_id
);

-- Serves reads by player.
CREATE UNIQUE INDEX leaderboard_ranking_player ON leaderboard_ranking (board_id, period_start, user_id);

-- The place of every hundredth player, from which other places are counted, and of the last one, which is the size of
-- the board. Refreshed with the ranking, in one transaction.
CREATE MATERIALIZED VIEW leaderboard_mark AS
SELECT board_id, period_start, sort_score, reached_time, user_id, place
FROM (
    SELECT
        board_id, period_start, sort_score, reached_time, user_id,
        row_number() OVER in_order AS place,
        lead(user_id) OVER in_order IS NULL AS is_last
    FROM leaderboard_ranking
    WINDOW in_order AS (PARTITION BY board_id, period_start ORDER BY sort_score, reached_time, user_id)
) AS ranked
WHERE place % 100 = 1 OR is_last;

-- Serves reads by place, and the size. Unique, so that the view can be refreshed while it is read.
CREATE UNIQUE INDEX leaderboard_mark_place ON leaderboard_mark (board_id, period_start, place);

-- Serves leaderboard_place.
CREATE UNIQUE INDEX leaderboard_mark_order ON leaderboard_mark (
    board_id, period_start, sort_score, reached_time, user_id
);

-- The place in the ranking of whoever has these values, and of the first player with a score if they are that score,
-- -infinity and ''. Counts a hundred index entries at most, wherever the place is.
CREATE FUNCTION leaderboard_place(board text, period timestamptz, key_score bigint, key_time timestamptz, key_id text)
RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    mark record;
BEGIN
    SELECT place, sort_score, reached_time, user_id INTO mark
    FROM leaderboard_mark
    WHERE board_id = board AND period_start = period AND (sort_score, reached_time, user_id) <= (key_score, key_time, key_id)
    ORDER BY sort_score DESC, reached_time DESC, user_id DESC
    LIMIT 1;
    IF NOT found THEN
        RETURN 1;
    END IF;
    RETURN mark.place + (
        SELECT count(*)
        FROM (
            SELECT
            FROM leaderboard_ranking
            WHERE board_id = board AND period_start = period
                AND (sort_score, reached_time, user_id) >= (mark.sort_score, mark.reached_time, mark.user_id)
                AND (sort_score, reached_time, user_id) < (key_score, key_time, key_id)
            ORDER BY sort_score, reached_time, user_id
            -- There never are more. The planner expects a tenth of the board, and would begin to read it in parallel.
            LIMIT 100
        ) AS between_them
    );
END
$$;

-- When the ranking was last refreshed, how many changes of tallies and standings Postgres had counted by then, and a hash
-- of which boards and periods were ranked. No row: never.
CREATE TABLE leaderboard_refresh (
    only_row    boolean NOT NULL DEFAULT true,
    fresh_at    timestamptz NOT NULL,
    changes     bigint NOT NULL,
    ranked      text NOT NULL,
    duration_us bigint NOT NULL,
    CONSTRAINT leaderboard_refresh_pkey PRIMARY KEY (only_row),
    CONSTRAINT leaderboard_refresh_is_one_row CHECK (only_row)
);

-- The rankings of periods that are over, never changed again.
CREATE TABLE leaderboard_final (
    board_id     text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    place        bigint NOT NULL,
    shared_rank  bigint NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    score        bigint NOT NULL,
    reached_time timestamptz NOT NULL,
    CONSTRAINT leaderboard_final_pkey PRIMARY KEY (board_id, period_start, place)
);

-- Serves reads by player.
CREATE UNIQUE INDEX leaderboard_final_player ON leaderboard_final (board_id, period_start, user_id);

-- Serves next_leaderboard_period_to_end: of all periods that ever were, the few that are not final.
CREATE INDEX leaderboard_period_open ON leaderboard_period (period_end) WHERE final_time IS NULL;

-- Whose scores a transaction has changed: written with the change, deleted once Redis has it. What stays here was missed,
-- by a process that died or while Redis was away, and is repaired from the scores themselves.
CREATE TABLE leaderboard_journal (
    entry_id bigint GENERATED ALWAYS AS IDENTITY,
    user_ids text[] COLLATE "C" NOT NULL,
    CONSTRAINT leaderboard_journal_pkey PRIMARY KEY (entry_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
