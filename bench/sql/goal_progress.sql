-- A row for each player and goal, which every event of the stat updates.
CREATE TABLE goal_progress (
    user_id        text COLLATE "C" NOT NULL,
    goal_id        text COLLATE "C" NOT NULL,
    challenge_id   text COLLATE "C" NOT NULL,
    progress       bigint NOT NULL,
    status         text NOT NULL,
    is_active      boolean NOT NULL,
    completed_at   timestamptz,
    updated_at     timestamptz NOT NULL,
    CONSTRAINT goal_progress_pkey PRIMARY KEY (user_id, goal_id)
) WITH (fillfactor = 80);
