"""A small catalogue with a goal of every kind, for tests that need no particular one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Source, Stat
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.schedules import DAILY
from shared.domain.standings import EVERYTHING
from tests.catalogue.documents import Mapping, goal, loaded
from tests.support.services import Game, game


def challenge(challenge_id: str, *goals: Mapping) -> Mapping:
    """Return a challenge in document form."""
    return {"id": challenge_id, "name": challenge_id.title(), "goals": list(goals)}


def assigned(goal_id: str, **differing: Any) -> Mapping:
    """Return a goal in document form that is active by default."""
    return goal(goal_id, default_assigned=True, **differing)


DOCUMENT: Mapping = {
    "challenges": [
        challenge(
            "arena",
            assigned("warm-up", stat="wins", count="sum", target=3),
            assigned("high-score", stat="score", count="highest", target=1000),
            goal("champion", stat="wins", count="sum", target=10, requires=["warm-up", "veteran"]),
        ),
        challenge(
            "career",
            assigned("veteran", stat="level", count="latest", target=5),
            assigned("welcome", source="login", stat=None, count="events", target=1),
            assigned("regular", source="login", stat=None, count="days", target=2, requires=["welcome"]),
        ),
        challenge(
            "island",
            goal(
                "chests", stat="chests", count="events", target=2, reward={"type": "ITEM", "id": "MAP", "quantity": 1}
            ),
        ),
    ],
    "stats": ["losses"],
}
"""`champion` and `chests` are not active by default, so the challenge `island` has no active goal."""

DEFAULT_GOALS = ["warm-up", "high-score", "veteran", "welcome", "regular"]
ALL_GOALS = ["warm-up", "high-score", "champion", "veteran", "welcome", "regular", "chests"]


def sample_catalogue() -> Catalogue:
    """Return the catalogue."""
    return loaded(DOCUMENT)


def sample_catalogue_with_leaderboards() -> Catalogue:
    """Return the catalogue with two leaderboards, one by day and one of all time."""
    wins = Leaderboard("wins", "Wins", "Today", LeaderboardMeasure.SUM, Stat(Source.STAT, "wins"), DAILY)
    return replace(
        sample_catalogue(),
        leaderboards=(wins, Leaderboard("points", "Points", "", LeaderboardMeasure.POINTS, EVERYTHING)),
    )


@pytest.fixture
def sample_game(database_url: str) -> Iterator[Game]:
    """Run both services with this catalogue on the test's own database."""
    with game(database_url, sample_catalogue()) as running:
        yield running
