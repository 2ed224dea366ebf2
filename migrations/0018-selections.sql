-- depends: 0015-season-runs
--
-- Selections: what a player chose in a challenge and period, or had drawn, as far as it is not computed, and the requests
-- that did it. Adding a column without a default changes no row.

-- Locked before tallies by every operation that selects goals, or activates one under a limit. No index names a column that
-- changes, and the fillfactor leaves room for the new version on the same page (HOT).
CREATE TABLE selection (
    user_id      text COLLATE "C" NOT NULL,
    challenge_id text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    goal_ids     text[] COLLATE "C",
    rerolls      integer NOT NULL DEFAULT 0,
    request_ids  text[] COLLATE "C" NOT NULL DEFAULT '{}',
    results      bytea[] NOT NULL DEFAULT '{}',
    change_time  timestamptz NOT NULL,
    CONSTRAINT selection_pkey PRIMARY KEY (user_id, challenge_id, period_start),
    CONSTRAINT selection_user_id_length CHECK (char_length(user_id) BETWEEN 1 AND 128),
    CONSTRAINT selection_challenge_id_length CHECK (char_length(challenge_id) BETWEEN 1 AND 128),
    CONSTRAINT selection_rerolls_not_negative CHECK (rerolls >= 0),
    CONSTRAINT selection_requests_have_results CHECK (cardinality(request_ids) = cardinality(results)),
    CONSTRAINT selection_requests_are_few CHECK (cardinality(request_ids) <= 16)
) WITH (fillfactor = 70);

COMMENT ON COLUMN selection.period_start IS '1970-01-01T00:00:00Z for a challenge that is not a pool.';
COMMENT ON COLUMN selection.goal_ids IS 'The selected goals of a pool; null if they are computed, and for other challenges.';
COMMENT ON COLUMN selection.rerolls IS 'Goals of a pool that the player has replaced in this period.';
COMMENT ON COLUMN selection.request_ids IS 'The latest requests, newest first; their results are at the same positions.';

ALTER TABLE assignment ADD COLUMN inactive_since timestamptz;

COMMENT ON COLUMN assignment.inactive_since IS
    'The last deactivation; null while the goal is active, and for deactivations before this column.';
