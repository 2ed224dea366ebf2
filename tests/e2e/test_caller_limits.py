"""Two callers of real services, of which one has limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
from challenge.v1 import event_service_pb2
from challenge.v1.challenge_service_pb2 import InitializePlayerRequest
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]

from shared.runtime.clock import system_clock
from tests.rpc.serving import details_of
from tests.support.event_messages import login
from tests.support.service_process import serving
from tests.support.services import rows
from tests.support.tokens import key_entry

LAUNCH, LIVE = "chk_a-launch-that-floods", "chk_the-live-game"
ROLES = ("players:read", "players:write", "events:write")
PLAYERS, BATCH = 30, 200


def callers(folder: Path, limits: str) -> str:
    file = folder / "callers.toml"
    file.write_text(
        key_entry("launch", LAUNCH, *ROLES) + f"limits = {{ {limits} }}\n" + key_entry("live", LIVE, *ROLES)
    )
    return str(file)


def as_caller(key: str) -> dict[str, Any]:
    return {"metadata": (("authorization", f"Bearer {key}"),), "timeout": 10}


def limit_reached(error: Any) -> str:
    """Return the limit that a refusal names."""
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    info = details_of(error)[ErrorInfo]
    assert info.reason == "CALLER_LIMIT_REACHED"
    limit: str = info.metadata["limit"]
    return limit


def test_new_players_of_one_caller_leave_room_for_those_of_another(database_url: str, tmp_path: Path) -> None:
    file = callers(tmp_path, "new_players_per_s = 5")
    with serving("challenge_service", database_url, CALLERS=file) as service:

        def initialize(key: str, user_id: str) -> str:
            try:
                service.challenges.InitializePlayer(InitializePlayerRequest(user_id=user_id), **as_caller(key))
            except grpc.RpcError as error:
                return limit_reached(error)
            return ""

        launched = [initialize(LAUNCH, f"launched {number}") for number in range(PLAYERS)]
        lived = [initialize(LIVE, f"live {number}") for number in range(PLAYERS)]
        assert set(launched) == {"", "new_players_per_s"}
        assert lived == [""] * PLAYERS
        ((stored,),) = rows(database_url, "SELECT count(*) FROM player WHERE user_id LIKE 'launched %%'")
        assert stored == launched.count("")


def test_a_refused_batch_stores_nothing_and_may_be_sent_again(database_url: str, tmp_path: Path) -> None:
    file = callers(tmp_path, "events_per_s = 100")
    with serving("event_handler", database_url, CALLERS=file) as service:

        def report(key: str, name: str) -> str:
            events = [login(event_id=f"{name} {number}", user_id=name, at=system_clock()) for number in range(BATCH)]
            try:
                service.events.ReportEvents(event_service_pb2.ReportEventsRequest(events=events), **as_caller(key))
            except grpc.RpcError as error:
                return limit_reached(error)
            return ""

        assert report(LAUNCH, "first") == ""
        assert report(LAUNCH, "second") == "events_per_s"
        assert report(LIVE, "other") == ""
        stored = dict(rows(database_url, "SELECT user_id, count(*) FROM event_seen GROUP BY user_id"))
        assert stored == {"first": BATCH, "other": BATCH}
