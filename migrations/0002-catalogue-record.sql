-- The catalogues that ran here, so that what may not change is known also after a restart. Both tables are small, read
-- and written only when a process takes a catalogue into use, and carry no player: reference tables where tables are
-- distributed.

CREATE TABLE catalogue_version (
    version        text COLLATE "C" NOT NULL,
    first_run_time timestamptz NOT NULL,
    CONSTRAINT catalogue_version_pkey PRIMARY KEY (version)
);

COMMENT ON TABLE catalogue_version IS 'Every version that a process took into use.';

-- Rows are never changed and never deleted: a goal that a catalogue no longer has keeps its id, and finds its
-- completions when it comes back.
CREATE TABLE goal_identity (
    goal_id   text COLLATE "C" NOT NULL,
    source    text COLLATE "C" NOT NULL,
    stat_code text COLLATE "C" NOT NULL,
    counting  text COLLATE "C" NOT NULL,
    schedule  text COLLATE "C" NOT NULL,
    CONSTRAINT goal_identity_pkey PRIMARY KEY (goal_id),
    CONSTRAINT goal_identity_goal_id_length CHECK (char_length(goal_id) BETWEEN 1 AND 128),
    CONSTRAINT goal_identity_source_known CHECK (source IN ('login', 'stat')),
    CONSTRAINT goal_identity_login_has_no_stat_code CHECK ((source = 'login') = (stat_code = ''))
);

COMMENT ON TABLE goal_identity IS 'What a goal id stands for, for ever: as of the first catalogue that ran with it.';
COMMENT ON COLUMN goal_identity.schedule IS 'Canonical text of the period kind, as in the table tally.';
