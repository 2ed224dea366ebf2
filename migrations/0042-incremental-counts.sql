-- depends: 0041-transactions-of-events
--
-- Duties over all players work through the players that changed, and through ranges of all players with a bookmark.

-- Players whom a duty has to look at again. Added by the transaction that changes them, and deleted by the one that looks at
-- them. A player may be there several times: an entry is never waited for, as one of a unique index would be.
CREATE TABLE changed_player (
    duty    text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- The sweep of each duty: its visit of all players, range by range.
CREATE TABLE player_sweep (
    duty          text COLLATE "C" NOT NULL,
    version       text COLLATE "C" NOT NULL,
    owner         text COLLATE "C" NOT NULL,
    step_time     timestamptz NOT NULL,
    begin_time    timestamptz NOT NULL,
    bookmark      text COLLATE "C",
    visited       bigint NOT NULL,
    complete_time timestamptz,
    last_visited  bigint,
    unpublished   boolean NOT NULL,
    finish_time   timestamptz,
    CONSTRAINT player_sweep_pkey PRIMARY KEY (duty),
    CONSTRAINT player_sweep_complete_with_number CHECK ((complete_time IS NULL) = (last_visited IS NULL))
) WITH (fillfactor = 50);

COMMENT ON COLUMN player_sweep.version IS 'The rules that the duty works by, such as a version of the catalogue; another one begins a new sweep.';
COMMENT ON COLUMN player_sweep.owner IS 'The process that works, until it has finished or was not seen for a while; empty: none.';
COMMENT ON COLUMN player_sweep.bookmark IS 'The range that was visited last ends with this id; null while no sweep is under way.';
COMMENT ON COLUMN player_sweep.last_visited IS 'Players that the last complete sweep visited.';
COMMENT ON COLUMN player_sweep.unpublished IS 'True if players were looked at since the results were last published.';
COMMENT ON COLUMN player_sweep.finish_time IS 'When the results were last up to date.';

-- The figures of each challenge, and the number by which counted players name it.
CREATE TABLE challenge_total (
    challenge_id text COLLATE "C" NOT NULL,
    number       integer GENERATED ALWAYS AS IDENTITY,
    started      bigint NOT NULL DEFAULT 0,
    completed    bigint NOT NULL DEFAULT 0,
    claimed      bigint NOT NULL DEFAULT 0,
    CONSTRAINT challenge_total_pkey PRIMARY KEY (challenge_id)
) WITH (fillfactor = 50);

-- The share of each player in challenge_total, which is the sum over all of them.
CREATE TABLE counted_player (
    user_id text COLLATE "C" NOT NULL,
    counted bigint[] NOT NULL,
    CONSTRAINT counted_player_pkey PRIMARY KEY (user_id)
) WITH (fillfactor = 90);

COMMENT ON COLUMN counted_player.counted IS
    'For each challenge its number, 1 bit for whether it was started, 21 bits of goals completed and 21 of goals claimed.';

-- A player who is erased does not count any more.
CREATE FUNCTION uncount_player() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE challenge_total AS total
    SET
        started = total.started - (pack >> 42 & 1),
        completed = total.completed - (pack >> 21 & 2097151),
        claimed = total.claimed - (pack & 2097151)
    FROM unnest(OLD.counted) AS packs (pack)
    WHERE total.number = pack >> 43;
    UPDATE player_sweep SET unpublished = true WHERE duty = 'count challenges';
    RETURN NULL;
END
$$;

CREATE TRIGGER uncount_player AFTER DELETE ON counted_player FOR EACH ROW EXECUTE FUNCTION uncount_player();
