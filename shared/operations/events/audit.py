"""Replaying what the ledger has kept of a player, and comparing it with the tallies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.domain.goal import Source, Stat
from shared.domain.instant import DAY, Instant, day_of
from shared.domain.progress import TallyView
from shared.domain.tally import Measures, fold
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import ledger
from shared.postgres.events.ledger import SeenEvents
from shared.postgres.goals import players


class StatAudit(NamedTuple):
    """One stat of a player: what its kept events add up to, and what its tally says."""

    stat: Stat
    replayed: Measures
    stored: Measures

    @property
    def lost(self) -> bool:
        """The tally holds less than the events that the ledger has seen: something was lost."""
        replayed, stored = self.replayed, self.stored
        return (
            stored.sum < replayed.sum
            or stored.events < replayed.events
            or (replayed.highest is not None and (stored.highest is None or stored.highest < replayed.highest))
        )

    @property
    def exact(self) -> bool:
        """The tally holds exactly the events that the ledger has kept."""
        return self.replayed[:3] == self.stored[:3]


class PlayerAudit(NamedTuple):
    """The findings about a player."""

    stats: list[StatAudit]
    kept: int
    """Events that were replayed."""
    without_content: int
    """Events that the ledger has seen and not kept; tallies hold them too."""
    stored: int
    """Events that the tallies hold. The rest is older than the ledger."""


def audit_player(database: Database, user_id: str, horizon: int, now: Instant, deadline: float) -> PlayerAudit:
    """Replay a player's kept events and compare the result with the tallies. Events may arrive meanwhile.

    `horizon` is the ledger's, in microseconds. Days are not compared, because it is not
    known since when a stat is counted by day.
    """
    days = range(day_of(now - horizon) - 1, day_of(now + DAY) + 1)

    def read(connection: Connection) -> tuple[Mapping[Stat, TallyView], SeenEvents]:
        # One statement each, the tallies last: an event between the two is in the tallies alone, which is no loss.
        seen = ledger.read_seen(connection, user_id, days)
        return players.read(connection, user_id).view.tallies, seen

    stored, seen = database.autocommit(read, deadline)
    replayed = {key.stat: tally.measures for key, tally in fold(seen.events, ()).items()}
    # No attributes are kept, and completions are no events.
    stats = sorted(stat for stat in {*stored, *replayed} if stat.source in (Source.LOGIN, Source.STAT))
    nothing = TallyView(Measures())
    return PlayerAudit(
        [StatAudit(stat, replayed.get(stat, Measures()), stored.get(stat, nothing).measures) for stat in stats],
        kept=len(seen.events),
        without_content=seen.without_content,
        stored=sum(stored[stat].measures.events for stat in stats if stat in stored),
    )
