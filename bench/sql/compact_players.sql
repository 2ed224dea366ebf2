-- Shows what the rows of players would take in other tables: docs/decisions/storage.md. For psql, on a database with players. Copies the
-- rows of at most 5,000 of them into schemas that begin with compact_, in the order in which they lie, and shows bytes a player.
SET statement_timeout = 0;
SET synchronous_commit = off;
DROP SCHEMA IF EXISTS compact_today, compact_numbers, compact_players, compact_packed CASCADE;
CREATE SCHEMA compact_today;
CREATE SCHEMA compact_numbers;
CREATE SCHEMA compact_players;
CREATE SCHEMA compact_packed;

-- As today.
CREATE UNLOGGED TABLE compact_today.player AS
SELECT user_id, row_number() OVER (ORDER BY hashtext(user_id || 1))::bigint AS number
FROM (SELECT user_id FROM player ORDER BY hashtext(user_id) LIMIT 5000) AS chosen;
CREATE UNLOGGED TABLE compact_today.completion (LIKE completion INCLUDING INDEXES) WITH (fillfactor = 90);
CREATE UNLOGGED TABLE compact_today.standing (LIKE standing INCLUDING INDEXES) WITH (fillfactor = 80);
CREATE UNLOGGED TABLE compact_today.tally (LIKE tally INCLUDING INDEXES) WITH (fillfactor = 80);
INSERT INTO compact_today.completion
SELECT stored.* FROM completion AS stored JOIN compact_today.player USING (user_id) ORDER BY stored.ctid;
INSERT INTO compact_today.standing
SELECT stored.* FROM standing AS stored JOIN compact_today.player USING (user_id) ORDER BY stored.ctid;
INSERT INTO compact_today.tally
SELECT stored.* FROM tally AS stored JOIN compact_today.player USING (user_id) ORDER BY stored.ctid;

-- The numbers of texts. A completion's challenge, tags and points are those of its goal here.
CREATE UNLOGGED TABLE compact_today.goal AS
SELECT goal_id, row_number() OVER ()::integer AS goal
FROM (SELECT DISTINCT goal_id FROM compact_today.completion) AS known;
CREATE UNLOGGED TABLE compact_today.scope AS
SELECT schedule, scope, scope_id, row_number() OVER ()::integer AS number
FROM (SELECT DISTINCT schedule, scope, scope_id FROM compact_today.standing) AS known;
CREATE UNLOGGED TABLE compact_today.stat AS
SELECT schedule, source, stat_code, row_number() OVER ()::integer AS stat
FROM (SELECT DISTINCT schedule, source, stat_code FROM compact_today.tally) AS known;

-- Numbers in place of texts, the user id stays; wide columns first.
CREATE UNLOGGED TABLE compact_numbers.completion (
    period_start timestamptz NOT NULL, complete_time timestamptz, claim_time timestamptz, active_since timestamptz,
    goal integer NOT NULL, terms integer NOT NULL, occurrence integer NOT NULL,
    claim_number smallint NOT NULL, claimed_rewards smallint, user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, period_start, goal, occurrence)
) WITH (fillfactor = 90);
INSERT INTO compact_numbers.completion
SELECT
    period_start, complete_time, claim_time, active_since, goal, goal, occurrence, claim_number, claimed_rewards, user_id
FROM compact_today.completion AS stored JOIN compact_today.goal USING (goal_id) ORDER BY stored.ctid;
CREATE UNLOGGED TABLE compact_numbers.standing (
    period_start timestamptz NOT NULL, points bigint NOT NULL, points_time timestamptz, fastest bigint,
    version integer NOT NULL, scope integer NOT NULL, completed integer NOT NULL, claimed integer NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, scope, period_start)
) WITH (fillfactor = 80);
CREATE INDEX ON compact_numbers.standing (scope, period_start);
INSERT INTO compact_numbers.standing
SELECT period_start, points, points_time, fastest, version, number, completed, claimed, user_id
FROM compact_today.standing AS stored JOIN compact_today.scope USING (schedule, scope, scope_id) ORDER BY stored.ctid;
CREATE UNLOGGED TABLE compact_numbers.tally (
    period_start timestamptz NOT NULL, sum bigint NOT NULL, events bigint NOT NULL, latest bigint,
    latest_time timestamptz, highest bigint, prev_sum bigint NOT NULL, prev_events bigint NOT NULL, prev_highest bigint,
    sum_time timestamptz, events_time timestamptz, highest_time timestamptz, lowest_opening bigint,
    day_count integer NOT NULL, prev_day_count integer NOT NULL, stat integer NOT NULL,
    days int4multirange, prev_days int4multirange, user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, stat, period_start)
) WITH (fillfactor = 80);
INSERT INTO compact_numbers.tally
SELECT
    period_start, sum, events, latest, latest_time, highest, prev_sum, prev_events, prev_highest, sum_time, events_time,
    highest_time, lowest_opening, day_count, prev_day_count, stat, nullif(days, '{}'), nullif(prev_days, '{}'), user_id
FROM compact_today.tally AS stored JOIN compact_today.stat USING (schedule, source, stat_code) ORDER BY stored.ctid;

-- And a number in place of the user id.
CREATE UNLOGGED TABLE compact_players.completion (
    player bigint NOT NULL, LIKE compact_numbers.completion, PRIMARY KEY (player, period_start, goal, occurrence)
) WITH (fillfactor = 90);
ALTER TABLE compact_players.completion DROP COLUMN user_id;
INSERT INTO compact_players.completion
SELECT
    number, period_start, complete_time, claim_time, active_since, goal, terms, occurrence, claim_number, claimed_rewards
FROM compact_numbers.completion AS stored JOIN compact_today.player USING (user_id) ORDER BY stored.ctid;
CREATE UNLOGGED TABLE compact_players.standing (
    player bigint NOT NULL, LIKE compact_numbers.standing, PRIMARY KEY (player, scope, period_start)
) WITH (fillfactor = 80);
ALTER TABLE compact_players.standing DROP COLUMN user_id;
CREATE INDEX ON compact_players.standing (scope, period_start);
INSERT INTO compact_players.standing
SELECT number, period_start, points, points_time, fastest, version, scope, completed, claimed
FROM compact_numbers.standing AS stored JOIN compact_today.player USING (user_id) ORDER BY stored.ctid;
CREATE UNLOGGED TABLE compact_players.tally (
    player bigint NOT NULL, LIKE compact_numbers.tally, PRIMARY KEY (player, stat, period_start)
) WITH (fillfactor = 80);
ALTER TABLE compact_players.tally DROP COLUMN user_id;
INSERT INTO compact_players.tally
SELECT
    number, period_start, sum, events, latest, latest_time, highest, prev_sum, prev_events, prev_highest, sum_time,
    events_time, highest_time, lowest_opening, day_count, prev_day_count, stat, days, prev_days
FROM compact_numbers.tally AS stored JOIN compact_today.player USING (user_id) ORDER BY stored.ctid;

-- Or completions as arrays, a row for each player and period, as if all of them were settled.
CREATE UNLOGGED TABLE compact_packed.completion (
    user_id text COLLATE "C" NOT NULL, period_start timestamptz NOT NULL,
    goals integer[] NOT NULL, terms integer[] NOT NULL, occurrences smallint[], claim_numbers smallint[],
    complete_times bigint[], claim_times bigint[], active_sinces bigint[],
    PRIMARY KEY (user_id, period_start)
);
INSERT INTO compact_packed.completion
SELECT
    user_id, period_start, array_agg(goal ORDER BY goal), array_agg(terms ORDER BY goal),
    CASE WHEN max(occurrence) > 1 THEN array_agg(occurrence::smallint ORDER BY goal) END,
    CASE WHEN max(claim_number) > 1 THEN array_agg(claim_number ORDER BY goal) END,
    array_agg(microseconds(complete_time) ORDER BY goal), array_agg(microseconds(claim_time) ORDER BY goal),
    array_agg(microseconds(active_since) ORDER BY goal)
FROM compact_numbers.completion
GROUP BY user_id, period_start;

SELECT
    relnamespace::regnamespace, relname, pg_table_size(class.oid) / players.number AS table_bytes,
    pg_indexes_size(class.oid) / players.number AS index_bytes,
    pg_total_relation_size(class.oid) / players.number AS bytes_a_player
FROM pg_class AS class CROSS JOIN (SELECT count(*) AS number FROM compact_today.player) AS players
WHERE relnamespace::regnamespace::text LIKE 'compact_%' AND relname IN ('completion', 'standing', 'tally')
ORDER BY 1, 2;
