"""A whole game that is played in runs, each checked afterwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum, auto
from typing import NamedTuple

from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc

from bench.correctness import Faults, compare, is_part, is_whole, read_tallies, reported
from bench.events import Play, message
from bench.load import Run
from bench.machine import descriptors_of, memory_of
from bench.players import claimable_goals
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER, ServerProcess
from bench.workbench import Setup, Workbench
from load_generator.plan import ClosedLoop, OpenLoop, RunLength
from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.instant import Instant
from shared.runtime.clock import system_clock

ACTIONS_PER_S = 300
EVENTS_PER_S = 500

INITIALIZE_SHARE = 0.10
SET_ACTIVE_SHARE = 0.15
SELECT_RANDOM_SHARE = 0.05
CLAIM_SHARE = 0.05
"""Share of actions that list and then claim."""
SELECTED = 5
"""Number of goals that a random selection asks for."""
ACTIVE_ONLY_SHARE = 0.5
"""Share of the other lists."""

CALLS_PER_S = round(ACTIONS_PER_S * (1 + CLAIM_SHARE)) + EVENTS_PER_S
THINKING_CALLS = 60
"""Number of other players' calls between a list and its claim, which is a fifth of a second later."""


class Kind(IntEnum):
    """The kind of a call. A list before a claim is a list like others."""

    INITIALIZE = 0
    SET_ACTIVE = auto()
    SELECT_RANDOM = auto()
    LIST = auto()
    LIST_ACTIVE = auto()
    CLAIM = auto()
    EVENT = auto()


_CHALLENGES, _EVENTS = 0, 1
"""Indices of the servers."""
_KINDS = {
    Kind.INITIALIZE: ("InitializePlayer, returning", _CHALLENGES, "challenge.v1.ChallengeService/InitializePlayer"),
    Kind.SET_ACTIVE: ("SetGoalActive", _CHALLENGES, "challenge.v1.ChallengeService/SetGoalActive"),
    Kind.SELECT_RANDOM: ("SelectRandomGoals", _CHALLENGES, "challenge.v1.ChallengeService/SelectRandomGoals"),
    Kind.LIST: ("ListChallenges", _CHALLENGES, "challenge.v1.ChallengeService/ListChallenges"),
    Kind.LIST_ACTIVE: ("ListChallenges, active only", _CHALLENGES, "challenge.v1.ChallengeService/ListChallenges"),
    Kind.CLAIM: ("ClaimReward", _CHALLENGES, "challenge.v1.ChallengeService/ClaimReward"),
    Kind.EVENT: ("ReportEvent", _EVENTS, "challenge.v1.EventService/ReportEvent"),
}
NAMES = {kind: name for kind, (name, _, _) in _KINDS.items()}
METHODS = [(server, method) for _, server, method in _KINDS.values()]
"""The server and the full name of each kind's method."""


class Call(NamedTuple):
    """One call of the mix."""

    kind: Kind
    request: bytes


class Mix:
    """The calls of a mix in their order."""

    def __init__(self, play: Play, catalogue: Catalogue, now: Instant) -> None:
        """Continue the game `play` with events from `now` on."""
        self.events: list[Event] = []
        """The events so far in their order."""
        self._play = play
        self._chance = play.random
        self._coming_events = play.events(now)
        self._choices = [goal for goal in catalogue.goals.values() if not goal.default_assigned]
        self._claimable = claimable_goals(catalogue)
        self._pending_claims: deque[tuple[int, bytes]] = deque()
        self._player_calls = 0

    def calls(self, count: int) -> Iterator[Call]:
        """Yield the next calls, events and players' calls evenly mixed."""
        for number in range(count):
            if number * EVENTS_PER_S // CALLS_PER_S < (number + 1) * EVENTS_PER_S // CALLS_PER_S:
                yield self._event()
            else:
                yield self._player_call()

    def _event(self) -> Call:
        event = next(self._coming_events)
        self.events.append(event)
        return Call(Kind.EVENT, event_rpc.ReportEventRequest(event=message(event)).SerializeToString())

    def _player_call(self) -> Call:
        self._player_calls += 1
        if self._pending_claims and self._pending_claims[0][0] <= self._player_calls:
            return Call(Kind.CLAIM, self._pending_claims.popleft()[1])
        player = self._chance.choice(self._play.players)
        dice = self._chance.random()
        if dice < INITIALIZE_SHARE:
            return Call(Kind.INITIALIZE, rpc.InitializePlayerRequest(user_id=player).SerializeToString())
        if dice < INITIALIZE_SHARE + SET_ACTIVE_SHARE:
            return Call(Kind.SET_ACTIVE, self._choice(player))
        if dice < INITIALIZE_SHARE + SET_ACTIVE_SHARE + SELECT_RANDOM_SHARE:
            return Call(Kind.SELECT_RANDOM, self._select_random(player))
        if dice < INITIALIZE_SHARE + SET_ACTIVE_SHARE + SELECT_RANDOM_SHARE + CLAIM_SHARE:
            self._pending_claims.append((self._player_calls + THINKING_CALLS, self._claim(player)))
        elif self._chance.random() < ACTIVE_ONLY_SHARE:
            return Call(
                Kind.LIST_ACTIVE, rpc.ListChallengesRequest(user_id=player, active_only=True).SerializeToString()
            )
        return Call(Kind.LIST, rpc.ListChallengesRequest(user_id=player).SerializeToString())

    def _choice(self, player: str) -> bytes:
        goal = self._chance.choice(self._choices)
        return rpc.SetGoalActiveRequest(
            user_id=player, challenge_id=goal.challenge_id, goal_id=goal.id, active=self._chance.random() < 0.5
        ).SerializeToString()

    def _select_random(self, player: str) -> bytes:
        goal = self._chance.choice(self._choices)
        return rpc.SelectRandomGoalsRequest(
            user_id=player,
            challenge_id=goal.challenge_id,
            count=SELECTED,
            replace=True,
            request_id=f"{self._player_calls}",
        ).SerializeToString()

    def _claim(self, player: str) -> bytes:
        """Return a claim of a goal that every player has completed; a repeated claim has the same request id."""
        goal = self._chance.choice(self._claimable[:-1])
        return rpc.ClaimRewardRequest(
            user_id=player, challenge_id=goal.challenge_id, goal_id=goal.id, request_id=f"claim of {goal.id}"
        ).SerializeToString()


CONNECTIONS = 8
SATURATION = ClosedLoop(in_flight=32, connections=CONNECTIONS)
CAPACITY = RunLength(1.0, 4.0)
"""The length of the run that measures the capacity."""
RATE_MAX = 5_000.0
"""A rate beyond the capacity of both services."""
LISTS_KEPT_EVERY = 500


class Played(NamedTuple):
    """The observations of one run of the game."""

    run: Run
    memory: Sequence[float]
    """Memory of each service, in MiB."""
    descriptors: Sequence[int]
    faults: Faults
    broken_lists: int
    """Number of kept lists that are incomplete."""
    kept_lists: int

    @property
    def cpu_us(self) -> float:
        """CPU time of both services per successful call, in microseconds."""
        return sum(self.run.cpu_us(name) for name in (CHALLENGE_SERVICE, EVENT_HANDLER))

    @property
    def busy_cores(self) -> float:
        """Number of cores used by both services, which share one."""
        return sum(self.run.cores(name) for name in (CHALLENGE_SERVICE, EVENT_HANDLER))


class WholeGame:
    """Both services on one core, and the calls of the table `mix`."""

    def __init__(self, bench: Workbench, setup: Setup, servers: Sequence[ServerProcess]) -> None:
        self.setup = setup
        self.servers = servers
        self.played: list[Played] = []
        """All runs so far."""
        self._bench = bench

    def saturate(self) -> Played:
        """Play as fast as the services respond: the rate is their capacity at this time."""
        return self._play(SATURATION, RATE_MAX, CAPACITY)

    def play(self, rate: float, length: RunLength) -> Played:
        """Play on at a fixed rate in calls per second."""
        return self._play(OpenLoop(rate=rate, connections=CONNECTIONS), rate, length)

    def _play(self, pace: OpenLoop | ClosedLoop, rate_max: float, length: RunLength) -> Played:
        before = read_tallies(self.setup.url)
        mix = Mix(self.setup.play, self.setup.catalogue, system_clock())
        calls = mix.calls(round(rate_max * (length.warm_up_s + length.measured_s)))
        kept = {Kind.EVENT: 1, Kind.LIST: LISTS_KEPT_EVERY, Kind.LIST_ACTIVE: LISTS_KEPT_EVERY}
        keep_every = [kept.get(kind, 0) for kind in Kind]
        run = self._bench.play_mix(
            {server.name: server for server in self.servers}, METHODS, calls, pace, length, keep_every=keep_every
        )
        events = run.part(Kind.EVENT)
        sent = [[event] for event in mix.events]
        outcome = reported(events, sent, event_rpc.ReportEventResponse)
        self.setup.play.undo(sent[len(events.played.codes) :])
        lists, active = run.part(Kind.LIST).responses.values(), run.part(Kind.LIST_ACTIVE).responses.values()
        catalogue = self.setup.catalogue
        broken = sum(not is_whole(response, catalogue) for response in lists)
        broken += sum(not is_part(response, catalogue) for response in active)
        played = Played(
            run,
            [memory_of(server.running_pid).resident for server in self.servers],
            [descriptors_of(server.running_pid) for server in self.servers],
            compare(self.setup.url, before, [outcome]),
            broken,
            len(lists) + len(active),
        )
        self.played.append(played)
        return played


@contextmanager
def game_begun(bench: Workbench) -> Iterator[WholeGame]:
    """Yield a game of players with a history, with services that were just started."""
    with (
        bench.setup() as setup,
        bench.service(CHALLENGE_SERVICE, setup) as challenges,
        bench.service(EVENT_HANDLER, setup) as events,
    ):
        yield WholeGame(bench, setup, [challenges, events])
