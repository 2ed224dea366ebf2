"""Sums of completions that are carried forward: all that stays of them when they are deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from shared.domain.events import CompletionKey
from shared.domain.instant import Instant, Microseconds
from shared.domain.tally import SUM_MAX


class OldCompletion(NamedTuple):
    """A completion that may be carried forward, as it is stored."""

    key: CompletionKey
    complete_time: Instant | None
    claim_time: Instant | None
    claim_number: int
    claimed_rewards: int | None
    challenge_id: str
    tags: tuple[str, ...]
    points: int
    took: Microseconds | None
    """Time from the activation of the goal; None if it is not known."""


class CarriedKey(NamedTuple):
    """A player's goal, and where its completions counted. Sums are locked in the order of their keys."""

    user_id: str
    goal_id: str
    challenge_id: str
    tags: tuple[str, ...]


@dataclass(slots=True)
class CarriedSum:
    """The sum of completions."""

    completed: int = 0
    claimed: int = 0
    granted: int = 0
    """Number of claims whose reward was granted."""
    points: int = 0
    """Saturates at `SUM_MAX`."""
    points_time: Instant | None = None
    """The last time of a completion."""
    fastest: Microseconds | None = None


def carried_sums(completions: Iterable[tuple[OldCompletion, int]]) -> dict[CarriedKey, CarriedSum]:
    """Return the sums of completions, each with the number of its granted grants."""
    sums: dict[CarriedKey, CarriedSum] = {}
    for completion, granted in completions:
        key = CarriedKey(*completion.key[:2], completion.challenge_id, completion.tags)
        total = sums.setdefault(key, CarriedSum())
        total.completed += 1
        total.claimed += completion.claim_time is not None
        total.granted += granted
        total.points = min(total.points + completion.points, SUM_MAX)
        total.points_time = _merged(max, total.points_time, completion.complete_time)
        total.fastest = _merged(min, total.fastest, completion.took)
    return sums


def _merged(choose: Callable[[list[int]], int], one: int | None, other: int | None) -> int | None:
    present = [value for value in (one, other) if value is not None]
    return choose(present) if present else None
