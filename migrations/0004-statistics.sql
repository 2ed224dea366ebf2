-- depends: 0003-rewards
--
-- The achievements of a player, updated in the commit that reaches them: goals completed and claimed, and points. A completion
-- keeps what it counted for, so that all of it can be added up again from completions and adjustments.

ALTER TABLE completion
    ADD COLUMN challenge_id text COLLATE "C",
    ADD COLUMN tags         text[] COLLATE "C" NOT NULL DEFAULT '{}',
    ADD COLUMN points       bigint NOT NULL DEFAULT 0,
    ADD COLUMN active_since timestamptz;

COMMENT ON COLUMN completion.challenge_id IS 'Where the goal stood when it was completed; null from before it was kept.';
COMMENT ON COLUMN completion.tags IS 'The goal''s tags when it was completed.';
COMMENT ON COLUMN completion.points IS 'The points that it gave.';
COMMENT ON COLUMN completion.active_since IS 'Since when the goal was active for the player; null if unknown.';

-- One row for each scope that a player has completed something in, and period. A completion changes few of them, an event
-- that completes nothing none.
CREATE TABLE standing (
    user_id      text COLLATE "C" NOT NULL,
    schedule     text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    scope        text COLLATE "C" NOT NULL,
    scope_id     text COLLATE "C" NOT NULL,
    completed    bigint NOT NULL,
    claimed      bigint NOT NULL,
    points       bigint NOT NULL,
    points_time  timestamptz,
    fastest      bigint,
    version      bigint NOT NULL,
    CONSTRAINT standing_pkey PRIMARY KEY (user_id, schedule, period_start, scope, scope_id),
    CONSTRAINT standing_scope_known CHECK (scope IN ('all', 'challenge', 'tag')),
    CONSTRAINT standing_all_has_no_scope_id CHECK ((scope = 'all') = (scope_id = '')),
    CONSTRAINT standing_points_saturate CHECK (points BETWEEN -4611686018427387904 AND 4611686018427387904)
) WITH (fillfactor = 80);

COMMENT ON TABLE standing IS 'What a player has reached in a scope and a period.';
COMMENT ON COLUMN standing.schedule IS 'As in the table tally.';
COMMENT ON COLUMN standing.points_time IS 'The newest completion or adjustment among them; null if no instant is known.';
COMMENT ON COLUMN standing.fastest IS 'The shortest time from activation to completion, in microseconds.';
COMMENT ON COLUMN standing.version IS 'How many completions and adjustments are in it: of two states the later one has more.';

-- Points that an operator gave or took.
CREATE TABLE points_adjustment (
    user_id       text COLLATE "C" NOT NULL,
    adjustment_id uuid NOT NULL,
    adjust_time   timestamptz NOT NULL,
    points        bigint NOT NULL,
    operator      text NOT NULL,
    reason        text NOT NULL,
    CONSTRAINT points_adjustment_pkey PRIMARY KEY (user_id, adjustment_id),
    CONSTRAINT points_adjustment_changes_something CHECK (points <> 0),
    CONSTRAINT points_adjustment_has_its_reason CHECK (reason <> '')
);

COMMENT ON COLUMN points_adjustment.points IS 'Negative where points were taken.';

-- The figures of challenges across all players, as of the last pass of the duty that counts them.
CREATE TABLE challenge_report (
    challenge_id text COLLATE "C" NOT NULL,
    started      bigint NOT NULL,
    completed    bigint NOT NULL,
    claimed      bigint NOT NULL,
    report_time  timestamptz NOT NULL,
    CONSTRAINT challenge_report_pkey PRIMARY KEY (challenge_id)
);

COMMENT ON COLUMN challenge_report.started IS 'Players who have made progress with one of its goals while it was active, or completed one.';
COMMENT ON COLUMN challenge_report.completed IS 'Completions of its goals.';
COMMENT ON COLUMN challenge_report.claimed IS 'Claimed rewards of its goals.';

-- The last pass of that duty. No row: there was none.
CREATE TABLE challenge_count (
    only_row          boolean NOT NULL DEFAULT true,
    count_time        timestamptz NOT NULL,
    catalogue_version text COLLATE "C" NOT NULL,
    changes           bigint NOT NULL,
    duration_us       bigint NOT NULL,
    CONSTRAINT challenge_count_pkey PRIMARY KEY (only_row),
    CONSTRAINT challenge_count_is_one_row CHECK (only_row)
);

COMMENT ON COLUMN challenge_count.changes IS 'Changes of tallies, standings and assignments that Postgres had counted by then.';
