-- Players, their tallies, choices and completions, the ledger of events seen, and the outbox of rewards.
--
-- Ids compare byte for byte (COLLATE "C"): what a caller sends is what is stored and found, and the order of keys in an
-- index is the order in which the library sorts what it locks. Every key on the path of players and events begins with
-- user_id or carries it, so that the tables can be distributed by player.

CREATE TABLE player (
    user_id         text COLLATE "C" NOT NULL,
    time_zone       text NOT NULL,
    initialize_time timestamptz NOT NULL,
    CONSTRAINT player_pkey PRIMARY KEY (user_id),
    CONSTRAINT player_user_id_length CHECK (char_length(user_id) BETWEEN 1 AND 128)
);

COMMENT ON TABLE player IS 'The one row that a new player costs. Events and lists work without it.';

-- The sum of a player's events of one stat. Events update these rows and nothing else, so no index may name a column
-- that they change, and the fillfactor leaves room for the new version on the same page (HOT).
CREATE TABLE tally (
    user_id        text COLLATE "C" NOT NULL,
    source         text COLLATE "C" NOT NULL,
    stat_code      text COLLATE "C" NOT NULL,
    schedule       text COLLATE "C" NOT NULL,
    period_start   timestamptz NOT NULL,
    sum            bigint NOT NULL,
    events         bigint NOT NULL,
    latest         bigint,
    latest_time    timestamptz,
    highest        bigint,
    days           int4multirange NOT NULL,
    day_count      integer NOT NULL,
    prev_sum       bigint NOT NULL DEFAULT 0,
    prev_events    bigint NOT NULL DEFAULT 0,
    prev_highest   bigint,
    prev_day_count integer NOT NULL DEFAULT 0,
    prev_days      int4multirange NOT NULL DEFAULT '{}',
    CONSTRAINT tally_pkey PRIMARY KEY (user_id, schedule, period_start, source, stat_code),
    CONSTRAINT tally_source_known CHECK (source IN ('login', 'stat')),
    CONSTRAINT tally_login_has_no_stat_code CHECK ((source = 'login') = (stat_code = '')),
    CONSTRAINT tally_sum_saturates CHECK (sum BETWEEN 0 AND 4611686018427387904),
    CONSTRAINT tally_latest_has_its_time CHECK ((latest IS NULL) = (latest_time IS NULL))
) WITH (fillfactor = 80);

COMMENT ON COLUMN tally.schedule IS 'Canonical text of the period kind; ''lifetime'' never starts over.';
COMMENT ON COLUMN tally.period_start IS '1970-01-01T00:00:00Z for the lifetime.';
COMMENT ON COLUMN tally.days IS 'Days since 1970-01-01 with an event; kept only for stats that are counted by day.';
COMMENT ON COLUMN tally.day_count IS 'How many days are in "days".';
COMMENT ON COLUMN tally.prev_sum IS 'The prev_ columns hold what was there before the last merge, for its RETURNING.';

CREATE TABLE assignment (
    user_id         text COLLATE "C" NOT NULL,
    goal_id         text COLLATE "C" NOT NULL,
    active          boolean NOT NULL,
    active_since    timestamptz,
    frozen_progress bigint NOT NULL,
    CONSTRAINT assignment_pkey PRIMARY KEY (user_id, goal_id),
    CONSTRAINT assignment_goal_id_length CHECK (char_length(goal_id) BETWEEN 1 AND 128)
) WITH (fillfactor = 90);

COMMENT ON TABLE assignment IS 'A player''s own choice for a goal; without a row the catalogue''s default holds.';
COMMENT ON COLUMN assignment.active_since IS 'The last explicit activation; null if there was none.';
COMMENT ON COLUMN assignment.frozen_progress IS 'What was shown when the goal was deactivated.';

CREATE TABLE completion (
    user_id          text COLLATE "C" NOT NULL,
    goal_id          text COLLATE "C" NOT NULL,
    period_start     timestamptz NOT NULL,
    occurrence       integer NOT NULL,
    complete_time    timestamptz,
    claim_time       timestamptz,
    claim_request_id text COLLATE "C",
    CONSTRAINT completion_pkey PRIMARY KEY (user_id, period_start, goal_id, occurrence),
    CONSTRAINT completion_occurrence_from_one CHECK (occurrence >= 1),
    CONSTRAINT completion_request_id_only_when_claimed CHECK (claim_request_id IS NULL OR claim_time IS NOT NULL)
) WITH (fillfactor = 90);

COMMENT ON TABLE completion IS 'What was completed, and nothing else; a completion is never taken back.';
COMMENT ON COLUMN completion.complete_time IS 'Null if the target was already reached when the goal became active.';

-- Serves find_claim_by_request, and makes a request id good for one claim of the player.
CREATE UNIQUE INDEX completion_claim_request_id ON completion (user_id, claim_request_id)
    WHERE claim_request_id IS NOT NULL;

-- The exactly-once ledger. A day's partition is dropped as a whole once no event of that day is accepted any more.
CREATE TABLE event_seen (
    event_day  date NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    event_hash bytea NOT NULL,
    event_id   text COLLATE "C",
    event_time timestamptz,
    source     text COLLATE "C",
    stat_code  text COLLATE "C",
    delta      bigint,
    value      bigint,
    CONSTRAINT event_seen_pkey PRIMARY KEY (event_day, user_id, event_hash),
    CONSTRAINT event_seen_hash_is_16_bytes CHECK (octet_length(event_hash) = 16)
) PARTITION BY RANGE (event_day);

COMMENT ON COLUMN event_seen.event_id IS 'From here on: the event''s content, where a setting says that it is kept.';
COMMENT ON COLUMN event_seen.event_hash IS 'BLAKE2b of player, day and event id, 16 bytes.';

-- Catches a day whose partition was not made in time; the duty that makes partitions raises a gauge while it has rows.
CREATE TABLE event_seen_default PARTITION OF event_seen DEFAULT;

-- Makes a day's partition if it is missing; what the default partition caught of that day moves over. True if it was
-- made. Writers go on meanwhile, except for the moment of the attachment.
CREATE FUNCTION make_event_seen_partition(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'event_seen_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE event_seen INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', partition);
    LOCK TABLE event_seen_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format(
        'WITH caught AS (DELETE FROM event_seen_default WHERE event_day = %L RETURNING *) INSERT INTO %I SELECT * FROM caught',
        day, partition
    );
    EXECUTE format('ALTER TABLE event_seen ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition, day, day + 1);
    RETURN true;
END
$$;

-- Drops every partition whose days all lie before this one, and returns how many.
CREATE FUNCTION drop_event_seen_partitions(before date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    partition text;
    dropped integer := 0;
BEGIN
    FOR partition IN
        SELECT child.relname
        FROM pg_inherits
        JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
        WHERE pg_inherits.inhparent = 'event_seen'::regclass
            AND child.relname < 'event_seen_' || to_char(before, 'YYYYMMDD')
            AND child.relname <> 'event_seen_default'
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;

-- Rewards that were claimed, for delivery outside of the claim's transaction.
CREATE TABLE reward_outbox (
    user_id         text COLLATE "C" NOT NULL,
    goal_id         text COLLATE "C" NOT NULL,
    period_start    timestamptz NOT NULL,
    occurrence      integer NOT NULL,
    claim_number    integer NOT NULL,
    grant_id        uuid NOT NULL,
    state           text NOT NULL,
    reward_type     text NOT NULL,
    reward_id       text NOT NULL,
    quantity        bigint NOT NULL,
    priority        integer NOT NULL,
    attempts        integer NOT NULL,
    due_time        timestamptz NOT NULL,
    create_time     timestamptz NOT NULL,
    CONSTRAINT reward_outbox_pkey PRIMARY KEY (user_id, period_start, goal_id, occurrence, claim_number),
    CONSTRAINT reward_outbox_state_known CHECK (state IN ('PENDING')),
    CONSTRAINT reward_outbox_type_known CHECK (reward_type IN ('ITEM', 'WALLET')),
    CONSTRAINT reward_outbox_quantity_positive CHECK (quantity > 0)
);

COMMENT ON COLUMN reward_outbox.grant_id IS 'UUIDv5 of the key: the idempotency key of the delivery.';
COMMENT ON COLUMN reward_outbox.claim_number IS 'Which claim of this completion, from 1.';
