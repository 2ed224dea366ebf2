"""Completions of a player as columns: a list of hundreds of them reads the columns, and few rules need single ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

from shared.domain.instant import Instant


class Completion(NamedTuple):
    """A stored completion."""

    complete_time: Instant | None
    """None if the target was already reached when the goal became active."""
    claim_time: Instant | None = None
    """When the first of its rewards was claimed; None if none of them is claimed."""
    claimed: int | None = None
    """The bits of the claimed rewards, see `shared.domain.rewards`. None if `claim_time` tells: the first or none."""


class CompletionColumns(Mapping[str, Completion]):
    """Completions by goal id, from one column for each field. Single completions are made when one is asked for.

    Making 500 of them takes as long as encoding all.
    """

    __slots__ = ("_by_goal", "claim_times", "claimed", "complete_times", "goal_ids")

    def __init__(
        self,
        goal_ids: Sequence[str],
        complete_times: Sequence[Instant | None],
        claim_times: Sequence[Instant | None],
        claimed: Sequence[int | None],
    ) -> None:
        """Each goal has one item in each column; `claim_times` and `claimed` may be empty, if all of them are None."""
        self.goal_ids = goal_ids
        self.complete_times = complete_times
        self.claim_times = claim_times
        self.claimed = claimed
        self._by_goal: dict[str, Completion] | None = None

    @classmethod
    def of(cls, completions: Mapping[str, Completion]) -> CompletionColumns:
        """Return the columns of completions."""
        if isinstance(completions, cls):
            return completions
        if not completions:
            return _NONE
        return cls(tuple(completions), *zip(*completions.values(), strict=True))

    def with_others(self, others: CompletionColumns) -> CompletionColumns:
        """Return these completions and those of other goals."""
        lengths = len(self), len(others)
        return CompletionColumns(
            (*self.goal_ids, *others.goal_ids),
            (*self.complete_times, *others.complete_times),
            _joined(self.claim_times, others.claim_times, *lengths),
            _joined(self.claimed, others.claimed, *lengths),
        )

    def __getitem__(self, goal_id: str) -> Completion:
        return self._completions_by_goal()[goal_id]

    def get(self, goal_id: str, default: Any = None) -> Any:
        """Return the completion of a goal, or the default."""
        return self._completions_by_goal().get(goal_id, default)

    def __contains__(self, goal_id: object) -> bool:
        return goal_id in self._completions_by_goal()

    def __iter__(self) -> Iterator[str]:
        return iter(self.goal_ids)

    def __len__(self) -> int:
        return len(self.goal_ids)

    def __repr__(self) -> str:
        return repr(self._completions_by_goal())

    def _completions_by_goal(self) -> dict[str, Completion]:
        """Return the completions by goal id; make them at the first call."""
        by_goal = self._by_goal
        if by_goal is None:
            claim_times, claimed = self.claim_times or repeat(None), self.claimed or repeat(None)
            rows = zip(self.complete_times, claim_times, claimed, strict=False)
            by_goal = self._by_goal = dict(zip(self.goal_ids, map(_completion, rows), strict=True))
        return by_goal


def _joined(
    one: Sequence[int | None], other: Sequence[int | None], length: int, other_length: int
) -> Sequence[int | None]:
    if not one and not other:
        return ()
    return (*(one or repeat(None, length)), *(other or repeat(None, other_length)))


# The constructor of a named tuple without a Python call.
_completion = partial(tuple.__new__, Completion)
_NONE = CompletionColumns((), (), (), ())
