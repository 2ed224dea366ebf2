"""`python -m admin player import`: what was exported is imported, once, and so are players of other systems."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from challenge.v1.challenge_pb2 import GOAL_STATE_CLAIMED
from challenge.v1.challenge_service_pb2 import ListChallengesRequest

from admin.__main__ import main
from shared.domain.errors import AlreadyClaimed
from shared.domain.events import Event
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.statistics.recalculate import recalculate
from tests.admin.site import Site, admin
from tests.support.databases import opened, soon
from tests.support.flushing import flush
from tests.support.postgres_server import PostgresServer
from tests.support.services import NOW, ManualClock, challenge_service
from tests.support.strategies import KILLS

Captured = pytest.CaptureFixture[str]

PLAYER = 'zoë "the\\first"\U0001f389'
WHY = ("--reason", "a move", "--operator", "ada")
GRANT: dict[str, Any] = {
    "table": "reward_outbox",
    "user_id": "ana",
    "goal_id": "win",
    "period_start": "1970-01-01T00:00:00Z",
    "occurrence": 1,
    "claim_number": 1,
    "grant_id": "6f0c1f0e-7a57-4c2b-9d3c-0d9f3f5f2a11",
    "state": "GRANTED",
    "reward_type": "ITEM",
    "reward_id": "hat",
    "quantity": 1,
    "priority": 5,
    "attempts": 0,
    "lease_token": 0,
    "due_time": "2023-05-02T00:00:00Z",
    "create_time": "2023-05-02T00:00:00Z",
    "provider": "old",
}
OURS = {"changed_player", "event_seen", "leaderboard_final", "operator_audit", "player_import"}


def write(path: Path, lines: Iterable[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def take(file: str, *options: str, name: str = "move") -> int:
    return admin("player", "import", file, "--name", name, *WHY, *options)


def exported(capsys: Captured, user_id: str = PLAYER) -> list[dict[str, Any]]:
    """Return what is stored of a player, without what belongs to the database."""
    capsys.readouterr()
    assert admin("player", "export", user_id) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [
        line | dict.fromkeys(line.keys() & {"database_role", "imported_by"})
        for line in lines
        if line["table"] not in OURS
    ]


def listed(site: Site, url: str) -> bytes:
    """Return the response to a list of all goals of the player."""
    with challenge_service(url, site.catalogue, clock=ManualClock()) as service:
        response = service.ListChallenges(ListChallengesRequest(user_id=PLAYER))
    assert response.challenges[0].goals[0].state == GOAL_STATE_CLAIMED
    return bytes(response.SerializeToString(deterministic=True))


def report(site: Site, url: str, user_id: str, event_id: str = "1") -> None:
    with opened(url, pool_size=1) as database:
        flush(database, site.catalogue, [Event(event_id, user_id, NOW, KILLS, delta=3, value=9)], soon())


def query(url: str, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(text.encode())
        return cursor.fetchall() if cursor.description else []


def check(site: Site, url: str, user_ids: list[str]) -> None:
    """Standings add up, and every claim has its grant."""
    with opened(url, pool_size=1) as database:
        assert recalculate(database, site.catalogue, user_ids, soon()) == []
        assert grant_admin.report(database, soon()).agrees


def test_an_exported_player_is_the_same_where_it_is_imported(
    site: Site, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    monkeypatch.setenv("ERASE_LIST_KEY", "a secret of the operators")
    report(site, site.database_url, PLAYER)
    with opened(site.database_url, pool_size=2) as database:
        claim_reward(database, site.catalogue, PLAYER, site.catalogue.goals["win"], None, NOW, soon())
    query(site.database_url, "UPDATE reward_outbox SET state = 'GRANTED', settle_time = now()")
    assert admin("points", "adjust", PLAYER, "+5", *WHY) == 0
    there, before = exported(capsys), listed(site, site.database_url)
    assert admin("player", "erase", PLAYER, "--list", str(tmp_path / "erased.jsonl"), *WHY) == 0
    file = write(tmp_path / "zoe.jsonl", there)
    with postgres_server.fresh_database() as other:
        monkeypatch.setenv("DATABASE_URL", other)
        with opened(other, pool_size=1) as database:
            record_catalogue(database, site.catalogue, NOW, soon())
        assert take(file, "--dry-run") == 0
        assert query(other, "SELECT count(*) FROM tally") == [(0,)]
        for _ in range(2):
            assert take(file) == 0
            assert exported(capsys) == there
        check(site, other, [PLAYER])
        assert listed(site, other) == before
        assert query(other, "SELECT user_ids FROM leaderboard_journal") == [([PLAYER],)]
        assert query(other, "SELECT count(*) FROM reward_outbox WHERE state <> 'GRANTED'") == [(0,)]


def foreign(number: int) -> list[dict[str, Any]]:
    """Return a player of another system."""
    user_id = f"foreign {number}"
    return [
        {"table": "player", "user_id": user_id, "time_zone": "Europe/Paris", "initialize_time": "2023-01-01T00:00:00Z"},
        {"table": "tally", "user_id": user_id, "source": "stat", "stat_code": KILLS.code, "sum": 7, "events": 4},
        {"table": "tally", "user_id": user_id, "source": "login", "events": 12},
        {
            "table": "completion",
            "user_id": user_id,
            "goal_id": "win",
            "complete_time": "2023-05-01T00:00:00Z",
            "claim_time": "2023-05-02T00:00:00Z" if number % 2 else None,
        },
    ]


def test_players_of_another_system_bring_tallies_completions_and_claims(site: Site, tmp_path: Path) -> None:
    players = [f"foreign {number}" for number in range(9)]
    file = write(tmp_path / "all.jsonl", (line for number in range(9) for line in foreign(number)))
    assert take(file) == 0
    assert query(
        site.database_url, "SELECT sum, events FROM tally WHERE user_id = 'foreign 3' AND source = 'stat'"
    ) == [(7, 4)]
    assert query(site.database_url, "SELECT state, provider, count(*) FROM reward_outbox GROUP BY 1, 2") == [
        ("GRANTED", "import", 4)
    ]
    check(site, site.database_url, players)
    report(site, site.database_url, "foreign 3")
    assert query(site.database_url, "SELECT max(sum) FROM tally WHERE user_id = 'foreign 3'") == [(10,)]
    assert query(site.database_url, "SELECT count(*) FROM completion WHERE user_id = 'foreign 3'") == [(1,)]


def test_tallies_are_added_to_those_that_are_there_and_only_once(site: Site, tmp_path: Path) -> None:
    report(site, site.database_url, "foreign 1")
    file = write(tmp_path / "one.jsonl", foreign(1))
    for _ in range(3):
        assert take(file) == 0
    sums = "SELECT sum, events, highest FROM tally WHERE user_id = 'foreign 1' AND sum > 0 ORDER BY sum DESC LIMIT 1"
    assert query(site.database_url, sums) == [(10, 5, 9)]
    check(site, site.database_url, ["foreign 1"])


def test_an_import_that_was_stopped_is_resumed(site: Site, tmp_path: Path, capsys: Captured) -> None:
    lines = [line for number in range(4) for line in foreign(number)]
    broken = tmp_path / "broken.jsonl"
    write(broken, lines)
    broken.write_text(broken.read_text().replace('"foreign 3", "source"', '"foreign 3", "sauce"'))
    with pytest.raises(SystemExit) as ended:
        take(str(broken))
    assert ended.value.code == 1
    assert "line 14: tally: has no column 'sauce'" in capsys.readouterr().err
    assert take(write(tmp_path / "right.jsonl", lines)) == 0
    assert query(site.database_url, "SELECT count(DISTINCT user_id) FROM player_import") == [(4,)]
    phases = query(site.database_url, "SELECT phase FROM operator_audit WHERE kind = 'player import' ORDER BY audit_id")
    assert phases == [("BEGUN",), ("FAILED",), ("BEGUN",), ("DONE",)]


def test_a_player_whom_the_database_refuses_keeps_no_others_out(site: Site, tmp_path: Path, capsys: Captured) -> None:
    lines = [line for number in range(5) for line in foreign(number)]
    # Only the database knows that a time is missing.
    lines[9]["latest"] = 7
    assert take(write(tmp_path / "all.jsonl", lines)) == 1
    captured = capsys.readouterr()
    assert "foreign 2: not imported:" in captured.err
    assert "imported 4 players" in captured.out
    assert query(site.database_url, "SELECT count(*) FROM tally WHERE user_id = 'foreign 2'") == [(0,)]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is not JSON"),
        ("[]", "is no JSON object"),
        ('{"table": "goal_identity", "user_id": "a"}', "table: is not one of"),
        ('{"table": "tally"}', "user_id: is no text"),
        ('{"table": "tally", "user_id": "a\\u0000"}', "user_id: contains a control character"),
        ('{"table": "completion", "user_id": "a", "goal_id": "unknown"}', "goal_id: is not a goal of the catalogue"),
        (json.dumps(GRANT | {"state": "PENDING"}), "may still be delivered"),
        (
            '{"table": "completion", "user_id": "a", "goal_id": "win", "claim_time": "x", "period_start": "y"}',
            "is no time",
        ),
    ],
)
def test_a_wrong_line_is_named(line: str, problem: str, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text(line + "\n")
    with pytest.raises(SystemExit) as ended:
        main(["player", "import", str(file), "--name", "move", *WHY])
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert "line 1:" in error
    assert problem in error


@pytest.mark.usefixtures("site")
def test_lines_of_a_player_follow_each_other(tmp_path: Path, capsys: Captured) -> None:
    file = write(tmp_path / "mixed.jsonl", [*foreign(1), *foreign(2), *foreign(1)])
    with pytest.raises(SystemExit):
        take(file)
    assert "do not follow each other" in capsys.readouterr().err


def test_a_claim_of_a_reopened_completion_goes_to_one_that_is_there(site: Site, tmp_path: Path) -> None:
    report(site, site.database_url, "ana")
    taken_back = {
        "table": "reopened_completion",
        "user_id": "ana",
        "goal_id": "win",
        "period_start": "1970-01-01T00:00:00Z",
        "occurrence": 1,
        "complete_time": "2023-05-01T00:00:00Z",
        "claim_time": "2023-05-02T00:00:00Z",
        "claim_number": 1,
        "points": 3,
        "challenge_id": "c",
        "tags": [],
    }
    assert take(write(tmp_path / "ana.jsonl", [taken_back])) == 0
    assert query(site.database_url, "SELECT count(*) FROM reopened_completion") == [(0,)]
    with opened(site.database_url, pool_size=1) as database:
        win = site.catalogue.goals["win"]
        with pytest.raises(AlreadyClaimed):
            claim_reward(database, site.catalogue, "ana", win, None, NOW, soon())
        every = claim_all(database, site.catalogue, "ana", site.catalogue.goals.values(), NOW, soon())
    assert [each.goal.id for each in every if each.newly_claimed and each.goal == win] == []
