-- depends: 0015-season-runs
--
-- Rows that stand for deleted completions and tallies of past periods: completions are carried forward into
-- one row per player and goal, and the challenges that a player has started are noted before tallies are deleted. The
-- release before does not know these rows, so COMPLETION_RETENTION_D is set once all processes run this release.

CREATE TABLE carried_completion (
    user_id       text COLLATE "C" NOT NULL,
    goal_id       text COLLATE "C" NOT NULL,
    challenge_id  text COLLATE "C" NOT NULL,
    tags          text[] COLLATE "C" NOT NULL,
    completed     bigint NOT NULL,
    claimed       bigint NOT NULL,
    granted       bigint NOT NULL,
    points        bigint NOT NULL,
    points_time   timestamptz,
    fastest       bigint,
    closed_before timestamptz NOT NULL,
    CONSTRAINT carried_completion_pkey PRIMARY KEY (user_id, goal_id, challenge_id, tags),
    CONSTRAINT carried_completion_counts CHECK (completed > 0 AND claimed BETWEEN 0 AND completed AND granted BETWEEN 0 AND claimed)
) WITH (fillfactor = 90);

COMMENT ON TABLE carried_completion IS 'The sum of completions of past periods that were deleted, as they counted in standings.';
COMMENT ON COLUMN carried_completion.challenge_id IS 'As in the table completion; another challenge or other tags make another row.';
COMMENT ON COLUMN carried_completion.granted IS 'Number of claims among them whose reward was granted. Their grants have no completion any more.';
COMMENT ON COLUMN carried_completion.closed_before IS 'All of them were completed and claimed before: standings of earlier periods are not recalculated.';

CREATE TABLE started_challenge (
    user_id      text COLLATE "C" NOT NULL,
    challenge_id text COLLATE "C" NOT NULL,
    CONSTRAINT started_challenge_pkey PRIMARY KEY (user_id, challenge_id)
);

COMMENT ON TABLE started_challenge IS 'Challenges that a player has started without completing a goal, in periods whose tallies were deleted.';
