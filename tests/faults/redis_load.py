"""Calls in parallel to services with and without Redis, which show the cost of a failing Redis."""

from __future__ import annotations

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import grpc
from challenge.v1.challenge_service_pb2 import ListChallengesRequest
from challenge.v1.event_service_pb2 import VERDICT_APPLIED, Event, ReportEventRequest
from challenge.v1.leaderboard_service_pb2 import GetPlayerRankRequest

from shared.domain.goal import AMOUNT_MAX
from tests.catalogue.documents import Mapping
from tests.runtime.processes import metrics_at, samples
from tests.support.event_messages import stat
from tests.support.sample_catalogue import assigned, challenge
from tests.support.service_process import ServiceProcess

DOCUMENT: Mapping = {
    "challenges": [
        challenge(
            "counts",
            assigned("all", stat="points", count="sum", target=AMOUNT_MAX),
            assigned("first", stat="points", count="events", target=1, points=5),
        )
    ],
    "leaderboards": [
        {"id": "sums", "name": "Sums", "over": "stat", "stat": "points", "count": "sum"},
        {"id": "today", "name": "Today", "over": "stat", "stat": "points", "count": "sum", "period": "day"},
        {"id": "champions", "name": "Champions", "over": "points"},
    ],
}
Check = Callable[[], str | None]
"""Makes a call, and returns the problem with its response, or None."""

CALLERS = 2
PAUSE_S = 0.005
"""Pause between calls in seconds, so that their latency is not the wait for the processor."""
CALL_TIMEOUT_S = 5.0


class Side(NamedTuple):
    """An event handler and a challenge service."""

    name: str
    handler: ServiceProcess
    challenges: ServiceProcess

    def redis_is_away(self) -> bool:
        """Return whether neither process asks Redis."""
        ports = [service.wait_for("started")["metrics_port"] for service in (self.handler, self.challenges)]
        return all(samples(metrics_at(port), "cache_away") == {"": 1.0} for port in ports)


class Call(NamedTuple):
    """One call."""

    kind: str
    started: float
    took_s: float
    problem: str | None
    """The problem with its response, or the status with which it failed."""


class Load:
    """Players who report events and check the result, on each side in turn."""

    def __init__(self, with_redis: Side, without: Side) -> None:
        self.sides = (with_redis, without)
        self.calls: dict[Side, list[Call]] = defaultdict(list)
        self.totals: dict[str, int] = {}
        """The sum of acknowledged amounts of each player."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make calls while the block runs."""
        done = threading.Event()
        with ThreadPoolExecutor(CALLERS) as threads:
            callers = [threads.submit(self._call_until, number, done) for number in range(CALLERS)]
            try:
                yield
            finally:
                done.set()
            for caller in callers:
                caller.result()

    def count(self) -> int:
        """Return the number of calls so far."""
        return sum(map(len, self.calls.values()))

    def problems(self) -> list[str]:
        """Return all problems."""
        return [
            f"{side.name} {call.kind}: {call.problem}"
            for side in self.sides
            for call in self.calls[side]
            if call.problem is not None
        ]

    def slowest_ms(self, since: float, until: float) -> float:
        """Return how much longer the slowest call with Redis took than a median call without."""
        with_redis, without = self.sides
        return max(
            1_000 * (max(self._seconds(with_redis, kind, since, until)) - statistics.median(usual))
            for kind, usual in self._by_kind(without, since, until).items()
        )

    def usual_ms(self, since: float, until: float) -> dict[str, tuple[float, float]]:
        """Return the medians with and without Redis of each kind of call."""
        with_redis, without = self.sides
        return {
            kind: (
                1_000 * statistics.median(self._seconds(with_redis, kind, since, until)),
                1_000 * statistics.median(usual),
            )
            for kind, usual in self._by_kind(without, since, until).items()
        }

    def _by_kind(self, side: Side, since: float, until: float) -> dict[str, list[float]]:
        kinds = sorted({call.kind for call in self.calls[side]})
        return {kind: self._seconds(side, kind, since, until) for kind in kinds}

    def _seconds(self, side: Side, kind: str, since: float, until: float) -> list[float]:
        return [call.took_s for call in self.calls[side] if call.kind == kind and since <= call.started < until]

    def _call_until(self, number: int, done: threading.Event) -> None:
        round_number = 0
        while not done.is_set():
            # The second side benefits from warm caches, so the sides alternate.
            for side in self.sides if round_number % 2 else reversed(self.sides):
                player = f"player {number} {side.name} {round_number // 50}"
                self._play(side, player, done)
            round_number += 1

    def _play(self, side: Side, player: str, done: threading.Event) -> None:
        event = stat("points", player, delta=1, at=time.time_ns() // 1_000)
        if self._timed(side, "event", lambda: _report(side, event)):
            self.totals[player] = self.totals.get(player, 0) + 1
        done.wait(PAUSE_S)
        total = self.totals.get(player, 0)
        self._timed(side, "list", lambda: _progress_is(side, player, total))
        done.wait(PAUSE_S)
        self._timed(side, "rank", lambda: _rank_is_possible(side, player, total))
        done.wait(PAUSE_S)

    def _timed(self, side: Side, kind: str, call: Check) -> bool:
        started = time.monotonic()
        try:
            problem = call()
        except grpc.RpcError as error:
            problem = f"{error.code().name} {error.details()}"
        self.calls[side].append(Call(kind, started, time.monotonic() - started, problem))
        return problem is None


def _rank_is_possible(side: Side, player: str, total: int) -> str | None:
    """Return the problem with a shown rank: it may be as old as the last refresh, but must have been true once."""
    reply = side.challenges.leaderboards.GetPlayerRank(
        GetPlayerRankRequest(leaderboard_id="sums", user_id=player, neighbours=3), timeout=CALL_TIMEOUT_S
    )
    shown = [entry.score for entry in reply.neighbours]
    if not reply.on_board:
        return None if reply.state.HasField("fresh_at") else "not on the leaderboard, and without fresh_at"
    if not 1 <= reply.entry.score <= total:
        return f"the score is {reply.entry.score}, {total} were acknowledged"
    if shown != sorted(shown, reverse=True) or not 1 <= reply.entry.rank <= reply.entry.place <= reply.state.size:
        return f"no ranking: {reply}"
    return None


def _report(side: Side, event: Event) -> str | None:
    result = side.handler.events.ReportEvent(ReportEventRequest(event=event), timeout=CALL_TIMEOUT_S).result
    return None if result.verdict == VERDICT_APPLIED else f"verdict {result.verdict}"


def _progress_is(side: Side, player: str, total: int) -> str | None:
    listed = side.challenges.challenges.ListChallenges(
        ListChallengesRequest(user_id=player), timeout=CALL_TIMEOUT_S
    ).challenges
    shown = listed[0].goals[0].progress
    return None if shown == total else f"{shown} is shown, {total} were acknowledged"
