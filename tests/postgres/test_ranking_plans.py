"""Rankings are read through their indexes, and every place costs the same to find."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain.instant import LIFETIME_START
from shared.domain.leaderboard import Ranked
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.postgres.connection import Connection
from shared.postgres.leaderboards.ranking_readers import RankingReader
from shared.postgres.statements import statements
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, opened
from tests.support.leaderboards import board
from tests.support.postgres_server import PostgresServer

PLAYERS = 5_000
BOARD, STRICT = board("board 1"), board("board 1", shared_ranks=False)

# Ten leaderboards over points with a lifetime each, and ten over stats with a hundred days, most of them final. Seven
# players share each score.
FILL = [
    "INSERT INTO leaderboard (board_id, measure, scope, scope_id, schedule, ascending)"
    " SELECT 'board ' || b, 'points', 'tag', b::text, 'lifetime', false FROM generate_series(1, 10) b",
    "INSERT INTO leaderboard (board_id, measure, source, stat_code, schedule, ascending)"
    " SELECT 'stat ' || b, 'sum', 'stat', b::text, 'day/UTC', false FROM generate_series(1, 10) b",
    "INSERT INTO leaderboard_period (board_id, period_start)"
    " SELECT board_id, timestamptz 'epoch' FROM leaderboard WHERE measure = 'points'",
    "INSERT INTO leaderboard_period (board_id, period_start, period_end, final_time, players)"
    " SELECT board_id, timestamptz 'epoch' + d * interval '1 day', timestamptz 'epoch' + (d + 1) * interval '1 day',"
    " CASE WHEN d < 98 THEN timestamptz 'epoch' + d * interval '9 days' END, CASE WHEN d < 98 THEN 100 END"
    " FROM leaderboard, generate_series(1, 100) d WHERE measure = 'sum'",
    "INSERT INTO leaderboard_final"
    " SELECT board_id, period_start, p, p, 'player ' || p, -p, timestamptz 'epoch'"
    " FROM leaderboard_period, generate_series(1, 100) p WHERE final_time IS NOT NULL",
    "INSERT INTO standing SELECT 'player ' || p, 'lifetime', timestamptz 'epoch', 'tag', b::text, 1, 0, p / 7,"
    " timestamptz 'epoch' + (p * 7919 % {players}) * interval '1 second', NULL, 1"
    " FROM generate_series(1, {players}) p, generate_series(1, 10) b",
    "INSERT INTO tally (user_id, source, stat_code, schedule, period_start, sum, events, days, day_count, sum_time)"
    " SELECT 'player ' || p, 'stat', s::text, 'day/UTC', timestamptz 'epoch' + d * interval '1 day', p, 1, '{{}}', 0,"
    " timestamptz 'epoch' FROM generate_series(1, 200) p, generate_series(1, 10) s, generate_series(96, 100) d",
    "INSERT INTO tally (user_id, source, stat_code, schedule, period_start, sum, events, days, day_count)"
    " SELECT 'player ' || p, 'stat', s::text, 'lifetime', timestamptz 'epoch', p, 1, '{{}}', 0"
    " FROM generate_series(1, {players}) p, generate_series(1, 10) s",
    "ANALYZE",
]
SCANS = {
    "read_ranking_from": {"ranking_state_pkey", "leaderboard_bucket_order", "leaderboard_ranking_order"},
    "read_ranking_of_players": {"ranking_state_pkey", "leaderboard_bucket_order", "leaderboard_ranking_pkey"},
    "read_final_ranking_from": {"leaderboard_period_pkey", "leaderboard_final_pkey"},
    "read_final_ranking_of_players": {"leaderboard_period_pkey", "leaderboard_final_player"},
    "is_leaderboard_period_final": {"leaderboard_period_pkey"},
    "next_leaderboard_period_to_end": {"leaderboard_period_open"},
}
ALL_INDEXES = (
    "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'leaderboard%%'"
    " AND tablename IN ('leaderboard_period', 'leaderboard_ranking', 'leaderboard_bucket', 'leaderboard_final')"
)


@pytest.fixture(scope="module", params=["postgres_server", "postgres_16"])
def crowded(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Yield a connection to a database with large, ranked leaderboards."""
    server: PostgresServer = request.getfixturevalue(request.param)
    with server.fresh_database() as url, connected(url) as connection:
        for statement in FILL:
            connection.execute(statement.format(players=PLAYERS).encode())
        with opened(url, pool_size=1) as database:
            assert RankingRefresh(database, lambda: LIFETIME_START, Telemetry()).one_pass()
        yield connection


def indexes_of(connection: Connection, name: str, *scanned: str) -> set[str]:
    """Return the indexes that a statement scans; only small or `scanned` tables may be read as a whole."""
    row = connection.execute(b"EXPLAIN (GENERIC_PLAN, FORMAT JSON) " + statements()[name].text).fetchone()
    assert row is not None
    waiting: list[dict[str, Any]] = [(row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]["Plan"]]
    found = set()
    while waiting:
        node = waiting.pop()
        if node["Node Type"] == "Seq Scan":
            assert node["Relation Name"] in ("leaderboard", *scanned)
        if "Index Name" in node:
            found.add(node["Index Name"])
        waiting += node.get("Plans", [])
    return found


@pytest.mark.parametrize("name", SCANS)
def test_rankings_are_read_through_their_indexes(crowded: Connection, name: str) -> None:
    with crowded.transaction():
        # The tables of states and buckets are small here.
        crowded.execute("SET LOCAL enable_seqscan = off")
        assert indexes_of(crowded, name) == SCANS[name]


@pytest.mark.parametrize(
    ("name", "indexes"),
    [
        ("has_scores", {"standing_of_scope", "tally_of_period"}),
        ("place_players", {"leaderboard_ranking_order"}),
        ("ranked_scores", {"leaderboard_ranking_pkey"}),
        ("delete_ranked", {"leaderboard_ranking_pkey"}),
        ("move_ranked", {"leaderboard_ranking_pkey"}),
        ("drop_ranked_players", {"leaderboard_ranking_order", "leaderboard_ranking_pkey"}),
        ("player_after_ranked", {"leaderboard_ranking_pkey"}),
        ("players_to_rank", {"tally_pkey", "standing_pkey", "leaderboard_ranking_pkey"}),
    ],
)
def test_steps_of_duties_read_through_indexes(crowded: Connection, name: str, indexes: set[str]) -> None:
    with crowded.transaction():
        # As the duties do it.
        crowded.execute("SET LOCAL enable_seqscan = off")
        found = indexes_of(crowded, name, "ranking_state", "leaderboard", "leaderboard_period", "ranking_finish")
    assert indexes <= found


def test_every_ranking_index_serves_a_statement(crowded: Connection) -> None:
    # Buckets are found by their ids in functions.
    used = {"leaderboard_bucket_pkey"}.union(*SCANS.values())
    assert {name for (name,) in crowded.execute(ALL_INDEXES.replace("%%", "%")).fetchall()} <= used


def scans(connection: Connection) -> tuple[int, int]:
    """Return how often this transaction scanned the whole ranking, and how many rows it read through an index."""
    row = connection.execute(
        "SELECT sum(seq_scan)::int, sum(coalesce(idx_tup_fetch, 0))::int FROM pg_stat_xact_all_tables"
        " WHERE relname = 'leaderboard_ranking'"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("place", [1, 100, 101, 2_345, PLAYERS])
def test_a_place_is_counted_from_the_bucket_that_it_is_in(crowded: Connection, place: int) -> None:
    reader = RankingReader(crowded)
    with crowded.transaction():
        before = scans(crowded)
        page = reader.top(BOARD, LIFETIME_START, place, 1)
        assert page is not None
        (first,) = page.ranked
        assert reader.of_players(BOARD, LIFETIME_START, [first.user_id]) == page
        whole, rows = (after - earlier for after, earlier in zip(scans(crowded), before, strict=True))
    assert whole == 0
    assert rows < 4_000


def test_all_places_of_a_large_leaderboard_equal_those_by_sorting(crowded: Connection) -> None:
    by_hand = sorted(
        (-(number // 7), number * 7919 % PLAYERS * 1_000_000, f"player {number}") for number in range(1, PLAYERS + 1)
    )
    first_of: dict[int, int] = {}
    expected = [
        Ranked(user_id, -score, time, place, first_of.setdefault(score, place))
        for place, (score, time, user_id) in enumerate(by_hand, 1)
    ]
    for ranked in (BOARD, STRICT):
        reader = RankingReader(crowded)
        pages = [reader.top(ranked, LIFETIME_START, first, 333) for first in range(1, PLAYERS + 1, 333)]
        found = [player for page in pages if page is not None for player in page.ranked]
        assert found == [player if ranked.shared_ranks else player._replace(rank=player.place) for player in expected]
        alone = reader.of_players(ranked, LIFETIME_START, [player.user_id for player in expected[::10]])
        assert alone is not None
        assert list(alone.ranked) == found[::10]
        assert alone.size == PLAYERS
        assert reader.top(ranked, LIFETIME_START, PLAYERS + 1, 100) == alone._replace(ranked=())
        assert reader.top(ranked, LIFETIME_START, 4_000_000_000, 100) == alone._replace(ranked=())
