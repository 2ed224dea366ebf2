"""Tallies in the database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import NamedTuple

from shared.domain.goal import Source, Stat
from shared.domain.instant import Day, Instant
from shared.domain.scores import TallyState
from shared.domain.streaks import Stretch
from shared.domain.tally import Measures, Tally, TallyKey
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, nullable_int_array, statement, text_array

_MERGE = statement("merge_tallies")
_MERGE_ONE = statement("merge_tally")
_LOCK = statement("lock_tally")
_SOURCES = {source.value: source for source in Source}
STATS_CACHED_MAX = 4_096
"""More stats than any game counts."""
# A range of an int4multirange literal such as {[1,3),[7,8)}.
_STRETCH = re.compile(r"\[(\d+),(\d+)\)")


# The constructor of a named tuple without a Python call: two for each tally of a flush.
_measures = partial(tuple.__new__, Measures)


class MergedTally(NamedTuple):
    """A row of merge_tallies: the measures of a stored tally before and after the merge."""

    user_id: str
    source: str
    stat_code: str
    schedule: str
    period_start: Instant
    prev_sum: int
    prev_events: int
    prev_highest: int | None
    prev_day_count: int
    sum: int
    events: int
    highest: int | None
    day_count: int
    sum_time: Instant | None
    events_time: Instant | None
    highest_time: Instant | None
    last_day: Day | None
    """Newest day; None where days are not counted."""
    prev_days: str | None

    @property
    def stat(self) -> Stat:
        """The stat that the tally is of."""
        return stat_of(self.source, self.stat_code)

    @property
    def key(self) -> TallyKey:
        """The key of the tally."""
        return TallyKey(self.user_id, self.stat, self.schedule, self.period_start)

    @property
    def state(self) -> TallyState:
        """The part of the tally that leaderboards rank by."""
        return TallyState(
            self.user_id,
            self.stat,
            self.schedule,
            self.period_start,
            self.after,
            self.sum_time,
            self.events_time,
            self.highest_time,
            self.last_day,
        )

    @property
    def before(self) -> Measures:
        """The measures before the merge."""
        return _measures(self[5:9])

    @property
    def after(self) -> Measures:
        """The measures after the merge."""
        return _measures(self[9:13])

    @property
    def has_begun(self) -> bool:
        """True if a measure was not positive before the merge and is now."""
        # In the order in which measures are most often positive: this is asked of every tally of a flush.
        return (
            (not self[6] and self[10] > 0)
            or (not self[5] and self[9] > 0)
            or (not self[8] and self[12] > 0)
            or (self[11] is not None and self[11] > 0 and (self[7] is None or self[7] <= 0))
        )

    def with_measures(self, before: Measures, after: Measures) -> MergedTally:
        """Return the row with other measures."""
        return self._replace(
            prev_sum=before.sum,
            prev_events=before.events,
            prev_highest=before.highest,
            prev_day_count=before.day_count,
            sum=after.sum,
            events=after.events,
            highest=after.highest,
            day_count=after.day_count,
        )

    @property
    def days_before(self) -> frozenset[Day]:
        """The previous days if a day was added; empty otherwise."""
        return frozenset(day for start, end in self.stretches_before for day in range(start, end))

    @property
    def stretches_before(self) -> list[Stretch]:
        """The previous days if a day was added, in stretches; empty otherwise."""
        return stretches_of(self.prev_days or "")


_merged_tally = partial(tuple.__new__, MergedTally)


def merge(connection: Connection, tallies: Mapping[TallyKey, Tally]) -> list[MergedTally]:
    """Add these tallies to the stored ones, and return them. The rows stay locked until the transaction ends."""
    if not tallies:
        return []
    if len(tallies) == 1:
        ((key, tally),) = tallies.items()
        # A lone event nearly always adds to one tally, and always one day.
        if len(tally.days) <= 1:
            return [_merge_one(connection, key, tally)]
    keys = sorted(tallies)
    values = [tallies[key] for key in keys]
    user_ids, stats, schedules, period_starts = zip(*keys, strict=True)
    rows = _MERGE.rows(
        connection,
        text_array(user_ids),
        text_array([stat.source for stat in stats]),
        text_array([stat.code for stat in stats]),
        text_array(schedules),
        int_array(period_starts),
        *_columns(values),
        nullable_int_array(_openings(values)),
    )
    # Rows are not converted further: of a thousand, hardly any completes a goal.
    return list(map(_merged_tally, rows))


def _merge_one(connection: Connection, key: TallyKey, tally: Tally) -> MergedTally:
    user_id, (source, code), schedule, period_start = key
    row = _MERGE_ONE.only_row(
        connection,
        user_id,
        source,
        code,
        schedule,
        period_start,
        tally.sum,
        tally.events,
        tally.latest,
        tally.latest_time,
        tally.highest,
        _day_set(tally.days),
        len(tally.days),
        tally.sum_time,
        tally.events_time,
        tally.highest_time,
        tally.lowest_opening,
    )
    return MergedTally(user_id, source, code, schedule, period_start, *row)


def lock(connection: Connection, user_id: str, stat: Stat) -> None:
    """Lock the player's lifetime tally of a stat until the transaction ends, before the next statement is executed."""
    _LOCK.defer(connection, user_id, stat.source.value, stat.code)


@lru_cache(STATS_CACHED_MAX)
def stat_of(source: str, code: str) -> Stat:
    """Return the stat of a stored source and code."""
    return Stat(_SOURCES[source], code)


def stretches_of(literal: str) -> list[Stretch]:
    """Return the stretches of a stored set of days."""
    return [Stretch(int(start), int(end)) for start, end in _STRETCH.findall(literal)]


def _columns(tallies: Sequence[Tally]) -> list[str]:
    """Return the array literals of the sums up to the highest times, one item for each tally."""
    # Several schedules share a tally, whose numbers are written once.
    positions: dict[int, int] = {}
    of_each = [positions.setdefault(id(tally), len(positions)) for tally in tallies]
    shared = list(dict(zip(of_each, tallies, strict=True)).values())
    columns = (
        [str(tally.sum) for tally in shared],
        [str(tally.events) for tally in shared],
        _numbers([tally.latest for tally in shared]),
        _numbers([tally.latest_time for tally in shared]),
        _numbers([tally.highest for tally in shared]),
        [f'"{_day_set(tally.days)}"' if tally.days else _NO_DAYS for tally in shared],
        [str(len(tally.days)) for tally in shared],
        _numbers([tally.sum_time for tally in shared]),
        _numbers([tally.events_time for tally in shared]),
        _numbers([tally.highest_time for tally in shared]),
    )
    texts: Iterable[Iterable[str]] = columns
    if len(shared) < len(tallies):
        texts = map(itemgetter(*of_each), columns)
    return ["{" + ",".join(column) + "}" for column in texts]


_NO_DAYS = '"{}"'


def _numbers(numbers: Iterable[int | None]) -> list[str]:
    return ["NULL" if number is None else str(number) for number in numbers]


def _openings(tallies: Sequence[Tally]) -> list[int | None]:
    """Return the lowest openings; empty if no tally has one, which costs the database less than an array of nulls."""
    openings = [tally.lowest_opening for tally in tallies]
    return openings if any(opening is not None for opening in openings) else []


def _day_set(days: Iterable[Day]) -> str:
    return "{" + ",".join([f"[{day},{day + 1})" for day in days]) + "}"
