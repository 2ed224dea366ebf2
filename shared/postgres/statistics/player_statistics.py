"""What players' statistics are made of, in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.domain.catalogue import Scope, Stat
from shared.domain.instant import DAY, Day
from shared.domain.progress import Assignment, TallyView
from shared.domain.standings import Standing
from shared.domain.statistics import Stretch, TrendDay
from shared.postgres.arrays import filled
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import stretches_of
from shared.postgres.goals.players import assignments_of, tallies_of
from shared.postgres.statements import statement
from shared.postgres.statistics.standings import SCOPE_KINDS

_READ = statement("read_player_statistics")
_READ_TREND = statement("read_player_trend")


class StoredStatistics(NamedTuple):
    """What is stored of a player, as of one instant."""

    tallies: Mapping[Stat, TallyView]
    login_days: Sequence[Stretch]
    assignments: Mapping[str, Assignment]
    completed: frozenset[str]
    """Ids of the goals that the player has completed."""
    standings: Mapping[Scope, Standing]
    """Of the lifetime."""
    completed_recently: int
    """From the first to the last day that was asked for."""


def read(connection: Connection, user_id: str, first: Day, last: Day) -> StoredStatistics:
    """Everything about one player, in one round trip."""
    row = _READ.row(connection, user_id, first * DAY, last * DAY)
    if row is None:
        raise LookupError("read_player_statistics answers one row")
    return StoredStatistics(
        tallies_of(*filled(row[:7])),
        stretches_of(row[7] or ""),
        assignments_of(*filled(row[8:12])),
        frozenset(row[12] or ()),
        _standings(*filled(row[13:21])),
        row[21],
    )


def _standings(kinds: Sequence[str], ids: Sequence[str], *columns: Sequence[Any]) -> dict[Scope, Standing]:
    scopes = [Scope(SCOPE_KINDS[kind], scope_id) for kind, scope_id in zip(kinds, ids, strict=True)]
    return dict(zip(scopes, map(Standing, *columns), strict=True))


def read_trend(connection: Connection, user_id: str, first: Day, last: Day) -> list[TrendDay]:
    """What a player reached on those of these days on which anything was, in no order."""
    rows = _READ_TREND.rows(connection, user_id, first * DAY, last * DAY)
    return [TrendDay(start // DAY, *numbers) for start, *numbers in rows]
