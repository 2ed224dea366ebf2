"""A player's tallies, from the columns of a statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from shared.domain.current_periods import CurrentPeriods
from shared.domain.goal import Stat
from shared.domain.progress import TallyView
from shared.domain.tally import Measures
from shared.postgres.events.tallies import stat_of


def tallies_of(
    sources: Sequence[str], codes: Sequence[str], *measures_and_latest: Sequence[int | None]
) -> dict[Stat, TallyView]:
    """Return a player's lifetime tallies from their columns, one entry per tally.

    `measures_and_latest` are the columns of the fields of `Measures` in their order, then the newest value.
    """
    return dict(zip(map(stat_of, sources, codes), _tally_views(*measures_and_latest), strict=True))


def period_tallies_of(
    current: CurrentPeriods, sources: Sequence[str], codes: Sequence[str], *columns: Sequence[Any]
) -> dict[tuple[Stat, str], TallyView]:
    """Return a player's tallies of current periods by stat and schedule, from their columns, one entry per tally.

    `columns` are those of `tallies_of`, then the canonical texts of the schedules and the starts of the periods.
    Tallies of other periods than the current ones are left out.
    """
    *measures_and_latest, schedules, starts = columns
    keys = zip(map(stat_of, sources, codes), schedules, strict=True)
    expected = {text: period.start for text, period in current.periods.items()}
    return {
        key: tally
        for key, start, tally in zip(keys, starts, _tally_views(*measures_and_latest), strict=True)
        if expected.get(key[1]) == start
    }


def _tally_views(*measures_and_latest: Sequence[int | None]) -> Iterator[TallyView]:
    *measures, latest = measures_and_latest
    return map(_tally_view, zip(map(_measures, zip(*measures, strict=True)), latest, strict=True))


# Constructors of named tuples without a Python call each: a player may have hundreds of goals.
_measures = partial(tuple.__new__, Measures)
_tally_view = partial(tuple.__new__, TallyView)
