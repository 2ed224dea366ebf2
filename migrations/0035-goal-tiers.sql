-- depends: 0034-player-import
--
-- Tiers of goals, by their numbers, which stored completions name as occurrences.
CREATE TABLE goal_tier (
    goal_id text COLLATE "C" NOT NULL,
    number  integer NOT NULL,
    tier_id text COLLATE "C" NOT NULL,
    CONSTRAINT goal_tier_pkey PRIMARY KEY (goal_id, number),
    CONSTRAINT goal_tier_goal_id_length CHECK (char_length(goal_id) BETWEEN 1 AND 128),
    CONSTRAINT goal_tier_number_positive CHECK (number > 0),
    CONSTRAINT goal_tier_tier_id_length CHECK (char_length(tier_id) BETWEEN 1 AND 128)
);

COMMENT ON TABLE goal_tier IS 'What the tiers of a goal stand for, for ever: as of the first catalogue that ran with each.';
