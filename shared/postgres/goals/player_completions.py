"""A player's completions, from the columns of a statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import compress, repeat
from operator import eq, not_
from typing import Any, TypeAlias

from shared.domain.completion_columns import Completion, CompletionColumns
from shared.domain.current_periods import CurrentPeriods

Completions: TypeAlias = tuple[CompletionColumns, Mapping[str, Mapping[int, Completion]]]
"""The `completions` and `occurrences` of a `PlayerView`."""


def completions_of(goal_ids: Sequence[str], *columns: Sequence[Any]) -> Completions:
    """Return a player's completions.

    `columns` are those of the fields of `Completion` in their order, of which all but the first may be empty if all
    items are None, and the occurrences; none if all are 1.
    """
    fields, occurrences = columns[:-1], columns[-1]
    if not occurrences:
        return CompletionColumns(goal_ids, *fields), {}
    return _divided(goal_ids, fields, occurrences)


def with_packed(columns: Sequence[Sequence[Any]], packed: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Return the columns of `completions_of` with those of packed completions, which most players do not have."""
    if not packed[0]:
        return columns
    if not columns[0]:
        return packed
    # Claimed rewards are left out if all are None, and occurrences if all are 1.
    length, further = len(columns[0]), len(packed[0])
    return [
        [*(column or repeat(left_out, length)), *(more or repeat(left_out, further))] if column or more else ()
        for column, more, left_out in zip(columns, packed, (None, None, None, None, 1), strict=True)
    ]


def completions_of_periods(current: CurrentPeriods, goal_ids: Sequence[str], *columns: Sequence[Any]) -> Completions:
    """Return the completions of goals' current periods.

    `columns` are those of `completions_of`, with the starts of the periods before the occurrences.
    Periods of different schedules may start at one instant. Only the start of the goal's own period counts.
    """
    fields: Sequence[Sequence[Any]]
    fields, (starts, occurrences) = columns[:-2], columns[-2:]
    is_current = list(map(eq, starts, map(current.starts.get, goal_ids)))
    if not all(is_current):
        goal_ids, occurrences, fields = _selected(is_current, goal_ids, occurrences, fields)
    return completions_of(goal_ids, *fields, occurrences)


def joined(lifetime: Completions, periods: Completions) -> Completions:
    """Return completions of the lifetime and of periods, which are of different goals."""
    if not periods[0]:
        return lifetime
    if not lifetime[0]:
        return periods
    return lifetime[0].with_others(periods[0]), {**lifetime[1], **periods[1]}


def by_occurrence(rows: Iterable[tuple[str, int, Completion]]) -> Completions:
    """Return the completions of these goals and occurrences."""
    columns = list(zip(*rows, strict=True))
    if not columns:
        return CompletionColumns((), (), (), ()), {}
    goal_ids, occurrences, completions = columns
    return _divided(goal_ids, list(zip(*completions, strict=True)), occurrences)


def _divided(goal_ids: Sequence[str], fields: Sequence[Sequence[Any]], occurrences: Sequence[int]) -> Completions:
    """Return the completions of these goals and occurrences."""
    # Few goals repeat, so most rows are not looked at one by one.
    several = set(compress(goal_ids, map((1).__lt__, occurrences)))
    if not several:
        return CompletionColumns(goal_ids, *fields), {}
    found: dict[str, dict[int, Completion]] = {}
    is_of_several = list(map(several.__contains__, goal_ids))
    ids, numbers, columns = _selected(is_of_several, goal_ids, occurrences, fields)
    rows = map(_completion, zip(*[column or repeat(None, len(ids)) for column in columns], strict=True))
    for goal_id, number, completion in zip(ids, numbers, rows, strict=True):
        if goal_id in found:
            found[goal_id][number] = completion
        else:
            found[goal_id] = {number: completion}
    ids, _, columns = _selected(list(map(not_, is_of_several)), goal_ids, occurrences, fields)
    firsts = [of_goal[min(of_goal)] for of_goal in found.values()]
    of_first = CompletionColumns(tuple(found), *zip(*firsts, strict=True))
    return CompletionColumns(ids, *columns).with_others(of_first), found


def _selected(
    selectors: Sequence[bool], goal_ids: Sequence[str], occurrences: Sequence[int], fields: Sequence[Sequence[Any]]
) -> tuple[Sequence[str], Sequence[int], Sequence[Sequence[Any]]]:
    return (
        tuple(compress(goal_ids, selectors)),
        tuple(compress(occurrences, selectors)),
        [tuple(compress(column, selectors)) for column in fields],
    )


# The constructor of a named tuple without a Python call: a player may have hundreds of goals.
_completion = partial(tuple.__new__, Completion)
