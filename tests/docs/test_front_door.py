"""The README and what it points to say what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from challenge.v1 import challenge_service_pb2, event_service_pb2, leaderboard_service_pb2, statistics_service_pb2

from challenge_service.settings import ChallengeSettings
from event_handler.settings import EventHandlerSettings
from shared.runtime.settings_report import markdown_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SERVICES = [
    challenge_service_pb2.DESCRIPTOR.services_by_name["ChallengeService"],
    statistics_service_pb2.DESCRIPTOR.services_by_name["StatisticsService"],
    leaderboard_service_pb2.DESCRIPTOR.services_by_name["LeaderboardService"],
    event_service_pb2.DESCRIPTOR.services_by_name["EventService"],
]
METHODS = [f"{service.full_name}/{method.name}" for service in SERVICES for method in service.methods]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_the_settings_in_the_readme_are_the_settings() -> None:
    table = markdown_table(ChallengeSettings, EventHandlerSettings)
    assert table in README, f"paste this into README.md:\n{table}"


@pytest.mark.parametrize("method", METHODS)
def test_the_readme_has_a_call_for_every_rpc(method: str) -> None:
    assert method in README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_in_documents_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", document.read_text(encoding="utf-8")))
    assert named <= targets


def test_files_in_the_table_of_additions_exist() -> None:
    text = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
    named = {path for path in re.findall(r"`([\w/]+/[\w/.]+)`", text) if "…" not in path and "N" not in path}
    assert {path for path in named if not (ROOT / path).exists()} == set()
