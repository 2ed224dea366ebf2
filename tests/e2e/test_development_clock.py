"""The development clock of whole processes: warned of and shown where it is on, and refused beyond loopback."""

from __future__ import annotations

import pytest
from challenge.v1.event_service_pb2 import VERDICT_APPLIED, ReportEventRequest

from shared.domain.instant import DAY, to_datetime
from shared.rpc.carried_time import KEY
from shared.runtime.clock import system_clock
from shared.runtime.development_clock import is_loopback
from tests.support.event_messages import stat
from tests.support.service_process import DEMO, PREFIXES, run_to_the_end, serving
from tests.support.services import rows

REFUSED = 2
SETTINGS = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "CATALOGUE": str(DEMO)}
ON = {"DEVELOPMENT_CLOCK": "true"}


@pytest.mark.parametrize("module", PREFIXES)
@pytest.mark.parametrize("show", [[], ["--settings"]], ids=["start", "--settings"])
def test_it_is_refused_beyond_the_loopback_interface(module: str, show: list[str]) -> None:
    ended = run_to_the_end(module, *show, BIND_ADDRESS="*", **ON, **SETTINGS)
    assert ended.returncode == REFUSED
    (line,) = ended.stderr.splitlines()
    assert line.startswith("DEVELOPMENT_CLOCK is true, so every caller can set the time, and BIND_ADDRESS is '*'")
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        *((address, True) for address in ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost")),
        *((address, False) for address in ("*", "0.0.0.0", "::", "[::]", "192.0.2.1", "fe80::1%lo")),  # noqa: S104
    ],
)
def test_only_loopback_addresses_are_taken_for_such(address: str, loopback: bool) -> None:
    assert is_loopback(address) == loopback


def test_it_is_shown_with_the_settings() -> None:
    ended = run_to_the_end("event_handler", "--settings", **ON, **SETTINGS)
    assert ended.returncode == 0
    assert any(line.split()[:3] == ["DEVELOPMENT_CLOCK", "true", "false"] for line in ended.stdout.splitlines())


def test_it_is_warned_of_and_has_a_health_name_and_leaderboards_of_the_carried_week(database_url: str) -> None:
    now = system_clock() + 40 * DAY
    with serving("event_handler", database_url, **ON) as handler:
        assert handler.wait_for("DEVELOPMENT CLOCK IS ON: every caller can set the time")["level"] == "WARNING"
        assert handler.health("development_clock") == "SERVING"
        event = stat("matches_won", delta=1, at=now)
        carried = ((KEY, to_datetime(now).isoformat()),)
        result = handler.events.ReportEvent(ReportEventRequest(event=event), metadata=carried).result
        assert result.verdict == VERDICT_APPLIED
    opened = "SELECT count(*) FROM leaderboard_period WHERE period_start <= instant(%s) AND period_end > instant(%s)"
    assert rows(database_url, f"{opened} AND board_id = 'arena-of-the-week'", now, now) == [(1,)]
