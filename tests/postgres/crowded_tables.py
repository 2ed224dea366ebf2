"""Tables of a game with many players, for the plans of statements on them."""

from __future__ import annotations

from shared.postgres.connection import Connection

PLAYERS = 5_000

FILL = [
    "INSERT INTO player SELECT 'player ' || p, 'UTC', timestamptz 'epoch' FROM generate_series(1, {players}) p",
    "INSERT INTO tally SELECT 'player ' || p, 'stat', 'stat ' || s, 'lifetime', timestamptz 'epoch',"
    " 0, 0, NULL, NULL, NULL, '{{}}', 0 FROM generate_series(1, {players}) p, generate_series(1, 4) s",
    "INSERT INTO distinct_value SELECT 'player ' || p, 'lifetime', timestamptz 'epoch', 'maps',"
    " substr(sha256(v::text::bytea), 1, 16) FROM generate_series(1, {players}) p, generate_series(1, 4) v",
    "INSERT INTO assignment SELECT 'player ' || p, 'goal ' || g, true, NULL, 0"
    " FROM generate_series(1, {players}) p, generate_series(1, 2) g",
    "INSERT INTO selection SELECT 'player ' || p, 'challenge ' || c, timestamptz 'epoch', NULL, 0, '{{}}', '{{}}',"
    " timestamptz 'epoch' FROM generate_series(1, {players}) p, generate_series(1, 2) c",
    "INSERT INTO completion SELECT 'player ' || p, 'goal ' || g, timestamptz 'epoch', 1, NULL, timestamptz 'epoch', 1"
    " FROM generate_series(1, {players}) p, generate_series(1, 3) g",
    # The lifetime and two months, from another goal on.
    "INSERT INTO settled_completion SELECT 'player ' || p, start, start, ARRAY['packed'], ARRAY[0], NULL,"
    " ARRAY[0], ARRAY[0], ARRAY[1], ARRAY['arena'], ARRAY['{{}}'], ARRAY[5], ARRAY[0], NULL"
    " FROM generate_series(1, {players}) p, generate_series(0, 60, 30) d,"
    " LATERAL (SELECT timestamptz 'epoch' + d * interval '1 day' AS start) AS month",
    "INSERT INTO standing SELECT 'player ' || p, 'lifetime', timestamptz 'epoch', scope, scope_id,"
    " 1, 1, 1, NULL, NULL, 1"
    " FROM generate_series(1, {players}) p,"
    " (VALUES ('all', ''), ('challenge', 'arena'), ('tag', 'pvp')) AS scopes (scope, scope_id)",
    "INSERT INTO standing SELECT 'player ' || p, 'day/UTC', timestamptz 'epoch' + d * interval '1 day', 'all', '',"
    " 1, 1, 1, NULL, NULL, 1 FROM generate_series(1, {players}) p, generate_series(1, 5) d",
    "INSERT INTO carried_completion SELECT 'player ' || p, 'daily ' || g, 'arena', '{{}}', 1, 1, 1, 1, NULL, NULL,"
    " timestamptz 'epoch' FROM generate_series(1, {players}) p, generate_series(1, 3) g",
    "INSERT INTO reopened_completion SELECT 'player ' || p, 'reopened ' || g, timestamptz 'epoch', 1, NULL,"
    " timestamptz 'epoch', 1, 'arena', '{{}}', 1, NULL FROM generate_series(1, {players}) p, generate_series(1, 3) g",
    "INSERT INTO player_attribute SELECT 'player ' || p, 'attribute ' || a, timestamptz 'epoch'"
    " FROM generate_series(1, {players}) p, generate_series(1, 2) a",
    "INSERT INTO started_challenge SELECT 'player ' || p, 'challenge ' || c"
    " FROM generate_series(1, {players}) p, generate_series(1, 2) c",
    "INSERT INTO counted_player SELECT 'player ' || p, '{{1}}' FROM generate_series(1, {players}) p",
    "INSERT INTO points_adjustment SELECT 'player ' || p, gen_random_uuid(), timestamptz 'epoch', 5, 'ada', 'a test'"
    " FROM generate_series(1, {players}) p",
    # First claims wait for delivery, some second ones are being delivered, the rest are settled.
    "INSERT INTO reward_outbox (user_id, goal_id, period_start, occurrence, claim_number, grant_id, request_id, state,"
    " provider, reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time, lease_until)"
    " SELECT 'player ' || p, 'goal ' || g, timestamptz 'epoch', 1, 1, gen_random_uuid(),"
    " CASE WHEN g = 1 THEN 'request' END,"
    " CASE WHEN g = 1 THEN 'PENDING' WHEN g = 2 AND p < 100 THEN 'DELIVERING' ELSE 'GRANTED' END,"
    " 'webhook', 'ITEM', 'sword', 1, 1 + p % 9, 0, 0, timestamptz 'epoch', timestamptz 'epoch',"
    " CASE WHEN g = 2 AND p < 100 THEN timestamptz 'epoch' END"
    " FROM generate_series(1, {players}) p, generate_series(1, 3) g",
    "SELECT make_settled_grant_partition(make_timestamptz(2024, m, 1, 0, 0, 0, 'UTC')) FROM generate_series(1, 7, 3) m",
    "INSERT INTO settled_grant SELECT gen_random_uuid(), timestamptz 'epoch', settled, settled, 1, 1, 1, 1, 1, 2, 5,"
    " 'player ' || p, 'settled ' || m, 'GRANTED', 'webhook', 'ITEM', 'sword', 'request ' || m"
    " FROM generate_series(1, {players}) p, generate_series(1, 7, 3) m,"
    " make_timestamptz(2024, m, 2, 0, 0, 0, 'UTC') AS settled",
    "INSERT INTO reward_queue_mark SELECT 'webhook', 0, 1, timestamptz 'epoch' + n * interval '1 second',"
    " gen_random_uuid(), timestamptz 'epoch', 1, timestamptz 'epoch' FROM generate_series(1, 1000) n",
    # The sixth day has no partition of its own.
    "SELECT make_event_seen_partition(date '2024-02-28' + d) FROM generate_series(0, 4) d",
    "INSERT INTO event_seen SELECT date '2024-02-28' + d, 'player ' || p, decode(md5(p::text), 'hex')"
    " FROM generate_series(1, {players}) p, generate_series(0, 5) d",
    "ANALYZE",
]


def fill(connection: Connection) -> None:
    """Fill the tables, with planner statistics as autovacuum keeps them."""
    for statement in FILL:
        connection.execute(statement.format(players=PLAYERS).encode())
