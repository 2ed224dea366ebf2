"""A player's completions, from the columns of a statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import compress, repeat
from typing import Any, TypeAlias

from shared.domain.current_periods import CurrentPeriods
from shared.domain.instant import Instant
from shared.domain.player_view import Completion

Completions: TypeAlias = tuple[dict[str, Completion], dict[str, dict[int, Completion]]]
"""The `completions` and `occurrences` of a `PlayerView`."""


def completions_of(goal_ids: Sequence[str], *columns: Sequence[Any]) -> Completions:
    """Return a player's completions.

    `columns` are those of the fields of `Completion` in their order, of which the last may be empty, and the
    occurrences; none if all are 1.
    """
    *fields, occurrences = columns
    completions = _completions(*fields)
    if not occurrences:
        return dict(zip(goal_ids, completions, strict=True)), {}
    rows = list(completions)
    return _divided(dict(zip(goal_ids, rows, strict=True)), goal_ids, occurrences, rows)


def completions_of_periods(current: CurrentPeriods, goal_ids: Sequence[str], *columns: Sequence[Any]) -> Completions:
    """Return the completions of goals' current periods.

    `columns` are those of `completions_of`, with the starts of the periods before the occurrences.
    Periods of different schedules may start at one instant. Only the start of the goal's own period counts.
    """
    *fields, starts, occurrences = columns
    of_goals = map(current.starts.get, goal_ids)
    in_order = zip(goal_ids, starts, of_goals, _completions(*fields), strict=True)
    if not occurrences:
        return {goal_id: completion for goal_id, start, expected, completion in in_order if start == expected}, {}
    return by_occurrence(
        (goal_id, occurrence, completion)
        for occurrence, (goal_id, start, expected, completion) in zip(occurrences, in_order, strict=True)
        if start == expected
    )


def by_occurrence(rows: Iterable[tuple[str, int, Completion]]) -> Completions:
    """Return the completions of these goals and occurrences."""
    columns = list(zip(*rows, strict=True))
    if not columns:
        return {}, {}
    goal_ids, occurrences, completions = columns
    return _divided(dict(zip(goal_ids, completions, strict=True)), goal_ids, occurrences, completions)


def _divided(
    by_goal: dict[str, Completion],
    goal_ids: Sequence[str],
    occurrences: Sequence[int],
    completions: Sequence[Completion],
) -> Completions:
    """Return the completions of these goals and occurrences; `by_goal` has one of each goal."""
    # Few goals repeat, so most rows are not looked at one by one.
    several = set(compress(goal_ids, map((1).__lt__, occurrences)))
    found: dict[str, dict[int, Completion]] = {goal_id: {} for goal_id in several}
    rows = zip(goal_ids, occurrences, completions, strict=True)
    for goal_id, occurrence, completion in compress(rows, map(several.__contains__, goal_ids)):
        found[goal_id][occurrence] = completion
    for goal_id, of_goal in found.items():
        by_goal[goal_id] = of_goal[min(of_goal)]
    return by_goal, found


def _completions(
    complete_times: Sequence[Instant | None], claim_times: Sequence[Instant | None], claimed: Sequence[int | None]
) -> Iterator[Completion]:
    return map(_completion, zip(complete_times, claim_times, claimed or repeat(None), strict=False))


# The constructor of a named tuple without a Python call: a player may have hundreds of goals.
_completion = partial(tuple.__new__, Completion)
