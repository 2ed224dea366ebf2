"""Players are imported where tables are distributed: what is there is added up once, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.operations.statistics.recalculate import recalculate
from shared.postgres.operators import player_data
from tests.admin.site import Site, admin, opened_site
from tests.support.databases import opened, soon
from tests.support.strategies import KILLS

WHY = ("--reason", "a move", "--operator", "ada")
OURS = {"changed_player", "counted_player", "event_seen", "leaderboard_final", "operator_audit", "player_import"}
"""Tables that an import does not bring, or that duties keep."""
NEW = [f"new {number}" for number in range(8)]
KNOWN = [f"player {number}" for number in range(8)]
"""Enough for players on every shard."""


@pytest.fixture
def site(citus_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Point the environment at a game on a cluster whose players have played once, and return it."""
    with opened_site(citus_url, redis_url, tmp_path / "catalogue.json") as opened_one:
        monkeypatch.setenv("DATABASE_URL", citus_url)
        monkeypatch.setenv("REDIS_URL", redis_url)
        monkeypatch.setenv("CATALOGUE", str(opened_one.catalogue_file))
        yield opened_one


def lines_of(user_id: str) -> list[dict[str, Any]]:
    of_player = {"user_id": user_id}
    return [
        of_player | {"table": "tally", "source": "stat", "stat_code": KILLS.code, "sum": 100, "events": 1},
        of_player | {"table": "tally", "source": "stat", "stat_code": "other", "sum": 7, "events": 7},
    ]


def take(path: Path, lines: Iterable[Mapping[str, Any]], name: str) -> int:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return admin("player", "import", str(path), "--name", name, *WHY)


def sums(site: Site) -> dict[str, int]:
    query = "SELECT user_id, sum FROM tally WHERE schedule = 'lifetime' AND stat_code = %s"
    return dict(site.rows(query, KILLS.code))


def test_tallies_are_added_to_those_that_are_there_once(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sums(site)
    lines = [line for player in [*KNOWN, *NEW] for line in lines_of(player)]
    for expected in ("imported 16 players with 24 new rows; 0 were", "imported 0 players with 0 new rows; 16 were"):
        capsys.readouterr()
        assert take(tmp_path / "lines", lines, "one") == 0
        assert expected in capsys.readouterr().out
        after = sums(site)
        assert {player: after[player] - before.get(player, 0) for player in [*KNOWN, *NEW]} == dict.fromkeys(
            [*KNOWN, *NEW], 100
        )
        assert {player: total for player, total in after.items() if player not in {*KNOWN, *NEW}} == {
            player: total for player, total in before.items() if player not in KNOWN
        }


def test_exported_players_are_the_same_where_they_are_imported_after_an_erasure(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERASE_LIST_KEY", "a secret of the operators")
    with opened(site.database_url, pool_size=1) as database:

        def stored(user_id: str) -> list[dict[str, Any]]:
            found = database.autocommit(lambda connection: player_data.read_rows(connection, user_id), soon())
            return [{"table": row.table, **json.loads(row.content)} for row in found if row.table not in OURS]

        exported = {player: stored(player) for player in KNOWN}
        assert all(exported.values())
        for player in KNOWN:
            assert admin("player", "erase", player, "--list", str(tmp_path / "erased.jsonl"), *WHY) == 0
            assert stored(player) == []
        database.autocommit(lambda connection: connection.run_script(b"DELETE FROM player_tombstone"), soon())
        lines = [line for of_player in exported.values() for line in of_player]
        assert take(tmp_path / "lines", lines, "back") == 0
        assert {player: stored(player) for player in KNOWN} == exported
        assert recalculate(database, site.catalogue, KNOWN, soon()) == []
