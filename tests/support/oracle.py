"""An oracle for events: it records what callers sent and what was acknowledged, and checks the result at the end.

Whatever fails meanwhile, every acknowledged event counts exactly once, and any other zero or one times. A player's
events have the deltas 1, 2, 4, …, so the shown sum reveals which of them were counted, and the shown number of events
reveals if any was counted twice.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.challenge_service_pb2 import ListChallengesRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub

from shared.domain.goal import AMOUNT_MAX
from shared.domain.instant import HOUR, Instant
from tests.catalogue.documents import Mapping
from tests.support.event_messages import stat
from tests.support.sample_catalogue import assigned, challenge

EVENTS_PER_PLAYER = 40
"""Events per player: their deltas add up to one less than the target of `sum`, so that progress is never capped."""
PLAYERS_AT_ONCE = 20
PROGRESS_S = 30.0
"""Seconds within which some call succeeds or fails, even on a busy machine."""
BATCH_MAX = 40
REDELIVERED = 0.02
"""Share of acknowledged events that are resent anyway."""
ABANDONED = 0.02
"""Share of events of a failed call that are never resent."""

DOCUMENT: Mapping = {
    "challenges": [
        challenge("sums", assigned("sum", stat="points", count="sum", target=AMOUNT_MAX)),
        challenge("counts", assigned("events", stat="points", count="events", target=AMOUNT_MAX)),
    ]
}
"""The catalogue that the oracle needs."""


class _State(Enum):
    NEW = auto()
    UNKNOWN = auto()
    ACKNOWLEDGED = auto()


_RECORDED = {rpc.VERDICT_APPLIED, rpc.VERDICT_DUPLICATE}
_EXPECTED = {
    _State.NEW: {rpc.VERDICT_APPLIED},
    _State.UNKNOWN: _RECORDED,
    _State.ACKNOWLEDGED: {rpc.VERDICT_DUPLICATE},
}


@dataclass
class Judgement:
    """The result of the check."""

    sent: int = 0
    acknowledged: int = 0
    applied: int = 0
    duplicates: int = 0
    """Events reported as duplicates: resent, and not counted again."""
    calls: int = 0
    failed_calls: int = 0
    lost: list[str] = field(default_factory=list)
    """Events acknowledged but not counted."""
    counted_twice: list[str] = field(default_factory=list)
    """Players whose progress is not the sum of distinct events."""
    surprises: list[str] = field(default_factory=list)
    """Results that contradict earlier ones."""

    def __str__(self) -> str:
        return (
            f"{self.sent} events sent, {self.acknowledged} acknowledged, {self.applied} applied, "
            f"{self.duplicates} duplicates, {len(self.lost)} lost, {len(self.counted_twice)} counted twice, "
            f"{len(self.surprises)} surprises; "
            f"{self.failed_calls} of {self.calls} calls failed"
        )

    def assert_right(self) -> None:
        """Fail the test unless every acknowledged event was counted exactly once."""
        assert (self.lost, self.counted_twice, self.surprises) == ([], [], []), str(self)
        assert self.acknowledged <= self.applied <= self.sent
        assert self.acknowledged > 0


class Oracle:
    """The record shared by all callers. Thread-safe."""

    def __init__(self, now: Instant, seed: int, span: Instant = HOUR) -> None:
        """Draw event times from the hour before `now`, or from another span."""
        self._now = now
        self._span = span
        self._chance = random.Random(seed)
        self._lock = threading.Condition()
        self._players = 0
        self._open: list[tuple[str, int]] = []
        self._events: dict[str, rpc.Event] = {}
        self._states: dict[str, _State] = {}
        self._again: deque[rpc.Event] = deque()
        self._acknowledged: deque[rpc.Event] = deque(maxlen=1_000)
        self._judgement = Judgement()

    @property
    def acknowledged(self) -> int:
        """Number of events acknowledged so far."""
        return self._judgement.acknowledged

    def take(self) -> list[rpc.Event]:
        """Return the events of the next call: first those with unknown outcomes, unchanged, then new ones."""
        with self._lock:
            size = self._chance.randint(1, BATCH_MAX)
            batch = [self._again.popleft() for _ in range(min(size, len(self._again)))]
            batch += [self._new_event() for _ in range(size - len(batch))]
            if self._acknowledged and self._chance.random() < REDELIVERED * size:
                batch.append(self._chance.choice(self._acknowledged))
            return batch

    def take_unknown(self) -> list[rpc.Event]:
        """Return only events with unknown outcomes for the next call; none if there are none."""
        with self._lock:
            return [self._again.popleft() for _ in range(min(BATCH_MAX, len(self._again)))]

    def note_results(self, batch: Sequence[rpc.Event], results: Sequence[rpc.EventResult]) -> None:
        """Record the results of a successful call."""
        with self._lock:
            self._judgement.calls += 1
            for event, result in zip(batch, results, strict=True):
                state = self._states[event.event_id]
                if result.verdict not in _EXPECTED[state]:
                    reply = f"{rpc.Verdict.Name(result.verdict)} {result.reason}"
                    self._judgement.surprises.append(f"{event.event_id} was {state.name}, but the result is {reply}")
                if result.verdict not in _RECORDED:
                    continue
                self._judgement.duplicates += result.verdict == rpc.VERDICT_DUPLICATE
                if state is not _State.ACKNOWLEDGED:
                    self._states[event.event_id] = _State.ACKNOWLEDGED
                    self._judgement.acknowledged += 1
                    self._acknowledged.append(event)
            self._lock.notify_all()

    def failed(self, batch: Sequence[rpc.Event]) -> None:
        """Record a failed call: the outcomes of its events are unknown."""
        with self._lock:
            self._judgement.calls += 1
            self._judgement.failed_calls += 1
            for event in batch:
                if self._states[event.event_id] is _State.ACKNOWLEDGED:
                    continue
                self._states[event.event_id] = _State.UNKNOWN
                if self._chance.random() >= ABANDONED:
                    self._again.append(event)
            self._lock.notify_all()

    @property
    def failed_calls(self) -> int:
        """Number of calls that have failed so far."""
        return self._judgement.failed_calls

    def wait_for_acknowledged(self, further: int, deadline_s: float = PROGRESS_S) -> None:
        """Wait until `further` more events are acknowledged."""
        with self._lock:
            count = self.acknowledged + further
            enough = self._lock.wait_for(lambda: self.acknowledged >= count, deadline_s)
            assert enough, f"{self.acknowledged} of {count} events are acknowledged after {deadline_s:g} s"

    def wait_for_failed_calls(self, further: int, deadline_s: float = PROGRESS_S) -> None:
        """Wait until `further` more calls have failed."""
        with self._lock:
            count = self.failed_calls + further
            enough = self._lock.wait_for(lambda: self.failed_calls >= count, deadline_s)
            assert enough, f"{self.failed_calls} of {count} calls have failed after {deadline_s:g} s"

    def judge(self, stub: ChallengeServiceStub) -> Judgement:
        """Compare the callers' record with the players' progress."""
        return self.judge_counted(lambda player: _shown(stub, player), lambda _: True)

    def players(self) -> list[str]:
        """Return the players that have events."""
        return [_player(number) for number in range(self._players)]

    def judge_counted(self, shown: Callable[[str], tuple[int, int]], of_period: Callable[[Instant], bool]) -> Judgement:
        """Compare the callers' record with the sum and number of events that `shown` returns for a player.

        Only events at instants `of_period` may count, and must. Judging another period adds to the same judgement.
        """
        judgement = self._judgement
        judgement.sent = len(self._events)
        for player in self.players():
            total, count = shown(player)
            counted = {_event_id(player, bit) for bit in range(EVENTS_PER_PLAYER) if total >> bit & 1}
            judgement.applied += count
            if len(counted) != count or not all(self._is_of(event_id, of_period) for event_id in counted):
                judgement.counted_twice.append(player)
                continue
            acknowledged = {
                event_id
                for bit in range(EVENTS_PER_PLAYER)
                if self._states.get(event_id := _event_id(player, bit)) is _State.ACKNOWLEDGED
                and self._is_of(event_id, of_period)
            }
            judgement.lost += sorted(acknowledged - counted)
        return judgement

    def _is_of(self, event_id: str, of_period: Callable[[Instant], bool]) -> bool:
        event = self._events.get(event_id)
        return event is not None and of_period(event.event_time.ToMicroseconds())

    def _new_event(self) -> rpc.Event:
        while len(self._open) < PLAYERS_AT_ONCE:
            self._open.append((_player(self._players), 0))
            self._players += 1
        place = self._chance.randrange(len(self._open))
        player, bit = self._open[place]
        if bit + 1 < EVENTS_PER_PLAYER:
            self._open[place] = (player, bit + 1)
        else:
            del self._open[place]
        at = self._now - self._chance.randrange(self._span)
        event = stat("points", player, delta=1 << bit, event_id=_event_id(player, bit), at=at)
        self._events[event.event_id] = event
        self._states[event.event_id] = _State.NEW
        return event


def _shown(stub: ChallengeServiceStub, player: str) -> tuple[int, int]:
    """Return the sum and the number of events in the player's progress."""
    listed = stub.ListChallenges(ListChallengesRequest(user_id=player)).challenges
    total, count = (challenge.goals[0].progress for challenge in listed)
    return total, count


def _player(number: int) -> str:
    return f"player-{number}"


def _event_id(player: str, bit: int) -> str:
    return f"{player}/{bit}"
