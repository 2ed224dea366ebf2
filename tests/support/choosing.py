"""A game in which players choose goals, and one player of it for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc

from tests.catalogue.documents import Mapping, goal, loaded
from tests.support.event_messages import stat
from tests.support.postgres_server import PostgresServer
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import NOW, Game, game

OPTIONAL = [f"optional-{number}" for number in range(6)]

DOCUMENT: Mapping = {
    "schedules": [{"id": "daily", "every": "day"}, {"id": "winter", "season": "winter"}],
    "seasons": [{"id": "winter", "starts": "2024-03-01T00:00:00Z", "ends": "2024-03-03T00:00:00Z"}],
    "challenges": [
        challenge(
            "choice",
            assigned("default", stat="default", target=2),
            *(
                goal(goal_id, stat=goal_id, target=2, tags=["odd" if number % 2 else "even"])
                for number, goal_id in enumerate(OPTIONAL)
            ),
        ),
        {**challenge("pool", goal("drawn"), goal("other")), "schedule": "daily", "select": 1},
        challenge(
            "special",
            goal("suspended", stat="special", suspended=True),
            goal("locked", stat="special", target=1, requires=["optional-0"]),
            goal("frost", stat="special", schedule="winter"),
            goal("day", stat="special", target=1, schedule="daily"),
            goal("other day", stat="special", target=5, schedule="daily"),
        ),
    ],
}


@dataclass
class Chooser:
    """A player of a game."""

    game: Game
    user_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def select(self, *goal_ids: str, challenge_id: str = "choice", **request: Any) -> rpc.SelectGoalsResponse:
        """Select goals."""
        return self.game.challenges.SelectGoals(
            rpc.SelectGoalsRequest(user_id=self.user_id, challenge_id=challenge_id, goal_ids=goal_ids, **request)
        )

    def draw(self, count: int, challenge_id: str = "choice", **request: Any) -> rpc.SelectRandomGoalsResponse:
        """Select goals at random."""
        return self.game.challenges.SelectRandomGoals(
            rpc.SelectRandomGoalsRequest(user_id=self.user_id, challenge_id=challenge_id, count=count, **request)
        )

    def challenge(self, challenge_id: str = "choice") -> rpc.GetChallengeResponse:
        """Return the challenge."""
        return self.game.challenges.GetChallenge(
            rpc.GetChallengeRequest(user_id=self.user_id, challenge_id=challenge_id)
        )

    def goals(self, challenge_id: str = "choice") -> dict[str, challenge_pb2.Goal]:
        """Return the challenge's goals by id."""
        return {each.goal_id: each for each in self.challenge(challenge_id).challenge.goals}

    def active(self, challenge_id: str = "choice") -> list[str]:
        """Return the ids of the challenge's active goals."""
        return [goal_id for goal_id, each in self.goals(challenge_id).items() if each.active]

    def set_active(self, goal_id: str, active: bool) -> challenge_pb2.Goal:
        """Activate or deactivate a goal."""
        return self.game.set_active(goal_id, active, self.user_id)

    def report(self, code: str, delta: int) -> None:
        """Report an event of now."""
        self.game.report(stat(code, self.user_id, delta=delta, at=self.game.clock.now))


def left_out(response: rpc.SelectRandomGoalsResponse) -> dict[str, int]:
    """Return the number of goals that were left out, by reason."""
    prefix = "LEFT_OUT_REASON_"
    return {rpc.LeftOutReason.Name(each.reason).removeprefix(prefix): each.count for each in response.left_out}


def switched(response: rpc.SelectGoalsResponse | rpc.SelectRandomGoalsResponse) -> tuple[list[str], list[str]]:
    """Return the goals that a call has activated and deactivated."""
    return list(response.activated_goal_ids), list(response.deactivated_goal_ids)


@pytest.fixture(scope="module")
def choosing_game(postgres_server: PostgresServer) -> Iterator[Game]:
    """Run both services with this catalogue for all tests of a module."""
    with postgres_server.fresh_database() as url, game(url, loaded(DOCUMENT)) as running:
        yield running


@pytest.fixture
def player(choosing_game: Game) -> Chooser:
    """Return a new player."""
    choosing_game.clock.now = NOW
    return Chooser(choosing_game)
