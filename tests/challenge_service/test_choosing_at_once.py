"""Selections, draws, rerolls, activations, events and claims of few players at once, through two services.

Whatever comes in between, limits hold, pools have their number of goals, and standings are what completions say. One of
the services reloads its catalogue all the time.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub

from shared.domain.catalogue import Catalogue
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.statistics.recalculate import recalculate
from shared.rpc.encoded_catalogue import EncodedCatalogue
from tests.catalogue.documents import goal, loaded
from tests.support.databases import opened, soon
from tests.support.event_messages import stat
from tests.support.pool_catalogue import POOL, member, pool_document
from tests.support.refusals import refusal_of
from tests.support.sample_catalogue import challenge
from tests.support.services import NOW, Game, ManualClock, challenge_service, game

PLAYERS = ("ann", "bob", "eve")
LIMIT, PICKS = 3, 4
CHOICE = [f"goal-{number}" for number in range(30)]
MEMBERS = [f"pick-{number}" for number in range(16)]
CALLERS, CALLS_EACH = 12, 30
RELOAD_INTERVAL_S = 0.05
WORKED_ON = (challenge_pb2.GOAL_STATE_NOT_STARTED, challenge_pb2.GOAL_STATE_IN_PROGRESS)
EXPECTED = {"LIMIT_REACHED", "GOAL_COMPLETED", "GOAL_INACTIVE", "NOTHING_TO_DRAW"}
"""Reasons for which such calls may be refused, whatever others do."""


def catalogue(weight: int) -> Catalogue:
    """Return a version of the catalogue."""
    document = pool_document(
        *(member(goal_id, weight=weight if number % 2 else 1) for number, goal_id in enumerate(MEMBERS)),
        select=PICKS,
        rerolls=100,
    )
    goals = (goal(goal_id, stat=f"stat-{number % 3}", count="sum", target=9) for number, goal_id in enumerate(CHOICE))
    choice = challenge("choice", *goals) | {"max_active": LIMIT}
    return loaded({**document, "challenges": [*document["challenges"], choice]})


class Caller:
    """One of many callers, who does what chance says."""

    def __init__(self, number: int, running: Game, stubs: tuple[ChallengeServiceStub, ...]) -> None:
        self._chance = random.Random(number)
        self._running = running
        self._stubs = stubs
        self.refused: Counter[str] = Counter()

    def play(self) -> Counter[str]:
        """Make all calls, and return the reasons for which some were refused."""
        actions: list[Callable[[str], object]] = [
            self._select,
            self._draw,
            self._switch,
            self._reroll,
            self._report,
            self._claim,
            self._check,
        ]
        for _ in range(CALLS_EACH):
            try:
                self._chance.choice(actions)(self._chance.choice(PLAYERS))
            except grpc.RpcError as error:
                self.refused[refusal_of(error).reason] += 1
        return self.refused

    @property
    def _stub(self) -> ChallengeServiceStub:
        return self._chance.choice(self._stubs)

    def _select(self, user_id: str) -> None:
        chosen = self._chance.sample(CHOICE, self._chance.randint(1, LIMIT))
        replace = self._chance.random() < 0.7
        self._stub.SelectGoals(
            rpc.SelectGoalsRequest(user_id=user_id, challenge_id="choice", goal_ids=chosen, replace=replace)
        )

    def _draw(self, user_id: str) -> None:
        replace = self._chance.random() < 0.5
        response = self._stub.SelectRandomGoals(
            rpc.SelectRandomGoalsRequest(user_id=user_id, challenge_id="choice", count=2, replace=replace)
        )
        assert response.pool_size + sum(each.count for each in response.left_out) == len(CHOICE)

    def _switch(self, user_id: str) -> None:
        goal_id, active = self._chance.choice(CHOICE), self._chance.random() < 0.6
        self._stub.SetGoalActive(
            rpc.SetGoalActiveRequest(user_id=user_id, challenge_id="choice", goal_id=goal_id, active=active)
        )

    def _reroll(self, user_id: str) -> None:
        drawn = self._chance.choice(shown(self._stub, user_id, POOL)).goal_id
        self._stub.RerollGoal(rpc.RerollGoalRequest(user_id=user_id, challenge_id=POOL, goal_id=drawn))

    def _report(self, user_id: str) -> None:
        codes = (self._chance.choice([*MEMBERS, "stat-0", "stat-1", "stat-2"]) for _ in range(3))
        self._running.report(*(stat(code, user_id, delta=1, at=NOW) for code in codes))

    def _claim(self, user_id: str) -> None:
        self._stub.ClaimAll(rpc.ClaimAllRequest(user_id=user_id))

    def _check(self, user_id: str) -> None:
        worked_on = [each for each in shown(self._stub, user_id, "choice") if each.active and each.state in WORKED_ON]
        assert len(worked_on) <= LIMIT
        assert len({each.goal_id for each in shown(self._stub, user_id, POOL)}) == PICKS


def shown(stub: ChallengeServiceStub, user_id: str, challenge_id: str) -> list[challenge_pb2.Goal]:
    """Return the goals of a challenge."""
    response = stub.GetChallenge(rpc.GetChallengeRequest(user_id=user_id, challenge_id=challenge_id))
    return list(response.challenge.goals)


@pytest.mark.usefixtures("patient_pool")
def test_whatever_comes_at_once_limits_pools_and_standings_hold(database_url: str) -> None:
    live: LiveCatalogue[EncodedCatalogue] = LiveCatalogue(EncodedCatalogue)
    with (
        opened(database_url) as database,
        game(database_url, catalogue(weight=1)) as running,
    ):
        versions = [record_catalogue(database, catalogue(weight), NOW, soon()) for weight in (1, 50, 7)]
        live.take(versions[0], NOW)
        with (
            challenge_service(database_url, live, clock=ManualClock()) as other,
            ThreadPoolExecutor(CALLERS) as callers,
        ):
            every = [Caller(number, running, (running.challenges, other)) for number in range(CALLERS)]
            playing = [callers.submit(each.play) for each in every]
            reloads = 0
            while wait(playing, timeout=RELOAD_INTERVAL_S).not_done:
                reloads += 1
                live.take(versions[reloads % len(versions)], NOW)
            refused = sum((each.result() for each in playing), Counter())
            assert refused.keys() <= EXPECTED
            for user_id in PLAYERS:
                assert {each.goal_id for each in shown(other, user_id, POOL)} == {
                    each.goal_id for each in shown(running.challenges, user_id, POOL)
                }
        assert recalculate(database, versions[0], PLAYERS, soon()) == []
        # Completed goals of a pool are goals that the player has, and everything has one grant at most.
        assert (
            running.rows(
                "SELECT user_id FROM completion JOIN selection USING (user_id)"
                " WHERE selection.challenge_id = %s AND goal_id LIKE 'pick-%%' AND goal_id <> ALL (goal_ids)",
                POOL,
            )
            == []
        )
        assert running.rows("SELECT user_id FROM reward_outbox GROUP BY user_id, goal_id HAVING count(*) > 1") == []
