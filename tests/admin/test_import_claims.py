"""Imported claims beside those that are there: each is stored once, whatever its request id and wherever it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import RequestIdReused
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.postgres.connection import Connection
from shared.postgres.rewards import grant_history, outbox
from shared.runtime.clock import system_clock
from tests.admin.site import Site
from tests.admin.test_player_import import GRANT, take, write
from tests.support.databases import connected, opened, soon
from tests.support.grant_moves import let_grants_move, move_all
from tests.support.waiting import wait_until

Captured = pytest.CaptureFixture[str]

COMPLETION: dict[str, Any] = {
    "table": "completion",
    "user_id": "ana",
    "challenge_id": "arena",
    "tags": [],
    "points": 5,
    "complete_time": "2023-05-01T00:00:00Z",
    "claim_time": "2023-05-02T00:00:00Z",
    "claim_number": 1,
}


def claimed(number: int, **changes: object) -> list[dict[str, Any]]:
    """Return a completion of a goal that the catalogue does not have any more, and its claim."""
    goal = {"goal_id": f"old {number}"}
    grant = GRANT | goal | {"grant_id": f"6f0c1f0e-7a57-4c2b-9d3c-{number:012}", "settle_time": GRANT["create_time"]}
    return [COMPLETION | goal, grant | changes]


def sorted_lines(*claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((line for claim in claims for line in claim), key=lambda line: str(line["table"]))


def grants(site: Site) -> list[tuple[Any, ...]]:
    return site.rows(
        "SELECT goal_id, request_id, moved FROM reward_claim WHERE user_id = 'ana' ORDER BY goal_id, moved"
    )


def agrees(site: Site) -> bool:
    with opened(site.database_url, pool_size=1) as database:
        return grant_admin.report(database, soon()).agrees


@pytest.mark.parametrize("newest", [1, 2])
def test_claims_that_had_a_request_id_one_after_the_other_are_all_stored(
    site: Site, tmp_path: Path, newest: int
) -> None:
    """An id is free once it is forgotten. The history has it several times then, and so has an export."""
    times = {newest: "2024-05-02T00:00:00Z"}
    lines = sorted_lines(
        *(
            claimed(number, request_id="again", create_time=times.get(number, "2023-05-02T00:00:00Z"))
            for number in (1, 2, 3)
        )
    )
    assert take(write(tmp_path / "ana.jsonl", lines)) == 0
    assert grants(site) == [(f"old {number}", "again" if number == newest else None, False) for number in (1, 2, 3)]
    assert agrees(site)


@pytest.mark.parametrize("moved", [False, True], ids=["stored", "moved"])
def test_a_request_id_of_a_claim_that_is_there_stays_with_that(site: Site, tmp_path: Path, moved: bool) -> None:
    assert take(write(tmp_path / "one.jsonl", claimed(1, request_id="again")), name="first") == 0
    let_grants_move(site.database_url)
    if moved:
        site.rows("UPDATE reward_outbox SET settle_time = now() RETURNING 1")
        with opened(site.database_url, pool_size=3) as database:
            assert move_all(database, system_clock() + 1_000_000) == 1
    lines = sorted_lines(claimed(1, request_id="again"), claimed(2, request_id="again"))
    assert take(write(tmp_path / "two.jsonl", lines), name="second") == 0
    assert grants(site) == [("old 1", "again", moved), ("old 2", None, False)]
    assert agrees(site)


def test_an_import_beside_a_move_stores_no_claim_twice(site: Site, tmp_path: Path) -> None:
    file = write(tmp_path / "ana.jsonl", claimed(1))
    assert take(file, name="first") == 0
    site.rows("SELECT make_settled_grant_partition('2023-05-02 00:00:00+00')")
    with opened(site.database_url, pool_size=1) as database, ThreadPoolExecutor(1) as threads:

        def move(connection: Connection) -> Any:
            assert grant_history.move(connection, system_clock(), 10) == 1
            importing = threads.submit(take, file, name="second")
            wait_until(
                lambda: importing.done() or site.rows("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(1,)]
            )
            return importing

        assert database.transact(move, soon()).result() == 0
    assert grants(site) == [("old 1", None, True)]


def test_a_claim_that_cannot_be_stored_is_named(site: Site, tmp_path: Path, capsys: Captured) -> None:
    lines = sorted_lines(claimed(1), claimed(2, grant_id=claimed(1)[1]["grant_id"]))
    assert take(write(tmp_path / "ana.jsonl", lines)) == 1
    assert "ana: not imported: the grant 6f0c1f0e-7a57-4c2b-9d3c-000000000001 cannot be" in capsys.readouterr().err
    assert grants(site) == []


def test_a_grant_with_any_lease_token_moves(site: Site, tmp_path: Path) -> None:
    tokens = {1: 2**62 - 1, 2: -(2**62) + 1, 3: 7}
    lines = sorted_lines(*(claimed(number, lease_token=token) for number, token in tokens.items()))
    assert take(write(tmp_path / "ana.jsonl", lines)) == 0
    let_grants_move(site.database_url)
    with opened(site.database_url, pool_size=3) as database:
        assert move_all(database, system_clock()) == 3
    assert [moved for _, _, moved in grants(site)] == [True] * 3
    assert site.rows("SELECT lease_token FROM reward_claim WHERE goal_id = 'old 3'") == [(7,)]


def test_the_imported_claim_has_the_request_id(site: Site, tmp_path: Path) -> None:
    site.play()
    lines = claimed(1, request_id="again")
    assert take(write(tmp_path / "p.jsonl", [line | {"user_id": "player 1"} for line in lines])) == 0
    with opened(site.database_url, pool_size=2) as database, connected(site.database_url) as connection:
        goal = site.catalogue.goals["win"]
        with pytest.raises(RequestIdReused):
            claim_reward(database, site.catalogue, "player 1", goal, "again", system_clock(), soon())
        found = outbox.find_by_request(connection, "player 1", "again")
    assert found is not None
    assert found.key.goal_id == "old 1"


READ_WHOLLY = (
    "SELECT relname FROM pg_stat_user_tables WHERE seq_scan > 0 AND relname ~ '^(settled_grant_2|completion$|tally$)'"
)


def test_an_import_reads_no_history_wholly(site: Site, tmp_path: Path) -> None:
    players = [f"player {number:04}" for number in range(3_000)]
    with connected(site.database_url) as connection:
        connection.execute("SELECT make_settled_grant_partition('2024-02-01 00:00:00+00')")
        connection.execute(
            "INSERT INTO settled_grant SELECT gen_random_uuid(), 'epoch', settled, settled, 1, 1, 1, 1, 1, 2, 5,"
            " 'other ' || p, 'goal', 'GRANTED', 'webhook', 'ITEM', 'sword', 'request'"
            " FROM generate_series(1, 20000) p, make_timestamptz(2024, 2, 2, 0, 0, 0) AS settled"
        )
        connection.execute(
            "INSERT INTO completion (user_id, goal_id, period_start, occurrence, challenge_id)"
            " SELECT 'other ' || p, 'goal', 'epoch', 1, 'arena' FROM generate_series(1, 20000) p"
        )
        connection.execute(
            "INSERT INTO tally (user_id, source, stat_code, schedule, period_start, sum, events, days, day_count)"
            " SELECT 'other ' || p, 'stat', 'kills', 'lifetime', 'epoch', 1, 1, '{}', 0"
            " FROM generate_series(1, 20000) p"
        )
        connection.execute("ANALYZE")
        # Otherwise this session would add its counts after the reset.
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT pg_stat_reset()")
    tally = {"table": "tally", "source": "stat", "stat_code": "kills", "sum": 7, "events": 4}
    lines = [
        line | {"user_id": player}
        for number, player in enumerate(players)
        for line in sorted_lines([tally], claimed(number, request_id="again"))
    ]
    # The second time everything is there.
    for name in ("first", "second"):
        assert take(write(tmp_path / "all.jsonl", lines), name=name) == 0
    assert site.rows(READ_WHOLLY) == []
