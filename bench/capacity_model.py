"""The needs of many players, reckoned from what was measured of one player and one event."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

DAY_S = 86_400
GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table or an index as it was measured."""

    name: str
    bytes_a_player: float
    players_on_a_page: float
    """Number of players with a row or an entry on a page. If one of them plays, the page is in use."""

    def hot_share(self, active: float) -> float:
        """Return the share of pages that are in use if this share of the players plays, chosen at random."""
        return 1 - math.pow(1 - active, self.players_on_a_page)


@dataclass(frozen=True, kw_only=True)
class MeasuredCosts:
    """Figures of one player and one event."""

    relations: Sequence[Relation]
    """The tables of players, without the ledger."""
    ledger_bytes: float
    """Bytes an event in the ledger, with its index."""
    wal_warm: float
    """Bytes of WAL an event whose pages were changed since the checkpoint."""
    wal_cold: float
    """Bytes of WAL an event whose pages were not."""
    service_cpu_us: float
    postgres_cpu_us: float
    score_bytes: float
    """Bytes a player on one leaderboard in Valkey."""


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """Assumed habits of a game's players, and how far machines are used."""

    active: float = 0.1
    """Share of the players who play on a day."""
    events: int = 50
    """Events that each of them causes on that day."""
    peak: float = 3.0
    """Events a second in the busiest hour, as a multiple of the day's average."""
    ledger_days: int = 5
    """Days that the ledger holds: EVENT_HORIZON_H, a day longer, and the one that is being dropped."""
    used: float = 0.6
    """Share of a core that is used at the peak."""
    pool: int = 8
    """Connections of a worker of the event handler."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """The machines that are needed."""

    events_per_s: float
    disk_gib: float
    hot_gib: float
    service_cores: float
    postgres_cores: float
    connections: int
    wal_warm_gib: float
    wal_cold_gib: float
    ranking_gib: float


def needed(players: float, measured: MeasuredCosts, assumed: Assumptions) -> Need:
    """Return what a number of players needs who play like this. Cores are rounded up by the reader, not here."""
    events_a_day = players * assumed.active * assumed.events
    peak = events_a_day / DAY_S * assumed.peak
    ledger = events_a_day * measured.ledger_bytes
    rows = sum(relation.bytes_a_player for relation in measured.relations) * players
    hot = sum(relation.bytes_a_player * relation.hot_share(assumed.active) for relation in measured.relations) * players
    service_cores = peak * measured.service_cpu_us / 1e6 / assumed.used
    return Need(
        events_per_s=peak,
        disk_gib=(rows + ledger * assumed.ledger_days) / GIB,
        # Today's partition of the ledger: events of other days are few.
        hot_gib=(hot + ledger) / GIB,
        service_cores=service_cores,
        postgres_cores=peak * measured.postgres_cpu_us / 1e6 / assumed.used,
        connections=math.ceil(service_cores) * assumed.pool,
        wal_warm_gib=events_a_day * measured.wal_warm / GIB,
        wal_cold_gib=events_a_day * measured.wal_cold / GIB,
        ranking_gib=players * measured.score_bytes / GIB,
    )
