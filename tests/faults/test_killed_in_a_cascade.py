"""The event handler is killed in the middle of a cascade: all of it is stored or nothing, and each is named once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from challenge.v1.event_service_pb2 import ReportEventRequest

from shared.postgres.connection import Connection
from tests.catalogue.documents import write_json
from tests.support.databases import connected
from tests.support.event_messages import stat
from tests.support.service_process import serving
from tests.support.waiting import wait_until

REWARD = {"type": "WALLET", "id": "GEMS", "quantity": 10}


def goal(goal_id: str, **keys: Any) -> dict[str, Any]:
    """Return a goal of a document, active by default."""
    return {"id": goal_id, "name": "Win", "default_assigned": True, "target": 1, "reward": REWARD, **keys}


DOCUMENT = {
    "challenges": [
        {
            "id": "arena",
            "name": "Arena",
            "goals": [
                goal("win", source="stat", stat="wins", count="sum", points=5, claim="auto"),
                goal("all", source="goals", goals=["win"]),
                goal("points", source="points", target=5),
                goal("both", source="goals", goals=["all", "points"], target=2),
            ],
        }
    ]
}

HELD: Mapping[str, tuple[str, str]] = {
    "tallies of the first level": ("tally", "'points', 'all', 'lifetime', timestamptz 'epoch', 0, 0, '{}', 0"),
    "completions of the first level": ("completion", "'points', timestamptz 'epoch', 1"),
    "completions of the second level": ("completion", "'both', timestamptz 'epoch', 1"),
    "standings": ("standing", "'lifetime', timestamptz 'epoch', 'all', '', 0, 0, 0, 0"),
}
"""The table and the row that another transaction holds when the handler is killed, in the order of a flush."""
_COLUMNS = {
    "tally": "source, stat_code, schedule, period_start, sum, events, days, day_count",
    "completion": "goal_id, period_start, occurrence",
    "standing": "schedule, period_start, scope, scope_id, completed, claimed, points, version",
}

_STORED = """SELECT
    (SELECT count(*) FROM event_seen), (SELECT count(*) FROM tally), (SELECT count(*) FROM completion),
    (SELECT count(*) FROM reward_outbox), (SELECT count(*) FROM standing)"""
NOTHING, ALL = (0, 0, 0, 0, 0), (1, 4, 4, 1, 3)
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> ALL ($1::integer[])"


def number(connection: Connection, query: str, *parameters: object) -> int:
    """Return the only value of a query."""
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(("table", "row"), HELD.values(), ids=list(HELD))
def test_a_killed_handler_leaves_all_of_a_cascade_or_nothing(
    database_url: str, tmp_path: Path, table: str, row: str
) -> None:
    catalogue = str(write_json(tmp_path / "catalogue.json", DOCUMENT))
    event = stat("wins", delta=1, at=time.time_ns() // 1_000)
    request = ReportEventRequest(event=event)
    with (
        connected(database_url) as other,
        connected(database_url) as observer,
        serving("event_handler", database_url, CATALOGUE=catalogue) as handler,
        ThreadPoolExecutor(1) as caller,
    ):
        other.execute("BEGIN")
        insertion = f"INSERT INTO {table} (user_id, {_COLUMNS[table]}) VALUES ('player', {row})"  # noqa: S608
        other.execute(insertion.encode())
        call = caller.submit(handler.events.ReportEvent, request, timeout=60)
        wait_until(lambda: number(observer, _WAITING) == 1)
        handler.kill()
        with pytest.raises(grpc.RpcError):
            call.result()
        other.execute("ROLLBACK")
        own = [other.info.backend_pid, observer.info.backend_pid]
        wait_until(lambda: number(observer, _OTHERS, own) == 0)
        # COMMIT is sent with the standings, so Postgres commits although the handler is killed from then on.
        is_committed = table == "standing"
        assert observer.execute(_STORED.encode()).fetchone() == (ALL if is_committed else NOTHING)

        handler.start()
        handler.wait_until_serving()
        result = handler.events.ReportEvent(request, timeout=60).result
        named = [completion.goal_id for completion in result.completions]
        assert named == ([] if is_committed else ["win", "all", "points", "both"])
        assert list(handler.events.ReportEvent(request, timeout=60).result.completions) == []
        assert observer.execute(_STORED.encode()).fetchone() == ALL
