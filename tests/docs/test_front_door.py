"""The README and the table of settings are complete."""

from __future__ import annotations

import pytest
from challenge.v1 import challenge_service_pb2, event_service_pb2, leaderboard_service_pb2, statistics_service_pb2

from docsite.settings_table import with_current_table
from tests.support.prose import files, read

README = read("README.md")
SERVICES = [
    challenge_service_pb2.DESCRIPTOR.services_by_name["ChallengeService"],
    statistics_service_pb2.DESCRIPTOR.services_by_name["StatisticsService"],
    leaderboard_service_pb2.DESCRIPTOR.services_by_name["LeaderboardService"],
    event_service_pb2.DESCRIPTOR.services_by_name["EventService"],
]
METHODS = [f"{service.full_name}/{method.name}" for service in SERVICES for method in service.methods]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_the_table_of_settings_is_current() -> None:
    page = read("docs/settings.md")
    assert page == with_current_table(page), "run: make settings"


def test_the_readme_names_every_folder() -> None:
    folders = {path.split("/")[0] for path in files() if "/" in path and not path.startswith(".")}
    assert [folder for folder in sorted(folders - {"shared"}) if f"]({folder})" not in README] == []
    rooms = {path.split("/")[1] for path in files() if path.startswith("shared/") and path.count("/") > 1}
    assert [room for room in sorted(rooms) if f"](shared/{room})" not in README] == []


@pytest.mark.parametrize("method", METHODS)
def test_the_readme_has_a_call_for_every_rpc(method: str) -> None:
    assert method in README
