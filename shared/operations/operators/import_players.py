"""Import of players, batch by batch, each in a transaction that marks them as done. So an import can be repeated."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from shared.domain.catalogue import Catalogue
from shared.domain.recalculation import is_maintained, recalculated
from shared.domain.standings import Standing, StandingKey
from shared.operations.statistics.recalculate import rebuild_within
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import ledger
from shared.postgres.leaderboards import journal
from shared.postgres.operators import player_import
from shared.postgres.operators.player_import import ImportLine
from shared.postgres.sqlstates import ContentRefused
from shared.postgres.statistics import histories, standings

BATCH_PLAYERS = 2_000
BATCH_LINES = 40_000
"""About as many lines as one transaction stores, in a second or two."""
BATCH_TIMEOUT_S = 60.0
_WITH_HISTORY = frozenset({"completion", "reopened_completion", "carried_completion", "points_adjustment", "standing"})

Players = Sequence[Sequence[ImportLine]]
"""The lines of each player."""


class PlayersMixed(Exception):
    """The lines of a player do not follow each other."""


def batches(lines: Iterable[ImportLine]) -> Iterator[Players]:
    """Yield batches of players with their lines. Raise `PlayersMixed`."""
    batch: list[list[ImportLine]] = []
    seen: set[str] = set()
    count = 0
    for line in lines:
        if not batch or batch[-1][0].user_id != line.user_id:
            if line.user_id in seen:
                raise PlayersMixed(f"the lines of the player {line.user_id} do not follow each other")
            if len(batch) >= BATCH_PLAYERS or count >= BATCH_LINES:
                yield batch
                batch, count = [], 0
            seen.add(line.user_id)
            batch.append([])
        batch[-1].append(line)
        count += 1
    if batch:
        yield batch


@dataclass
class Imported:
    """The outcome of an import so far."""

    players: int = 0
    rows: int = 0
    """Rows that were not there before."""
    done_before: int = 0
    """Players that an earlier run has imported under the same name."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Players that were not imported, and why."""


class PlayerImport:
    """An import under a name, by which players are imported once."""

    def __init__(self, database: Database, catalogue: Catalogue, name: str, *, dry: bool) -> None:
        self._database = database
        self._catalogue = catalogue
        self._name = name
        self._dry = dry
        self.outcome = Imported()

    def store(self, players: Players) -> None:
        """Store all rows of these players, at most about `BATCH_LINES`. Raise what the database raises.

        A player whose rows the database refuses is noted in the outcome, and the others are stored.
        """
        found: list[tuple[list[str], int]] = []

        def attempt(connection: Connection) -> None:
            found[:] = [self._store(connection, players)]

        deadline = time.monotonic() + BATCH_TIMEOUT_S
        try:
            if self._dry:
                self._database.rehearse(attempt, deadline)
            else:
                self._database.transact(attempt, deadline)
        except (ContentRefused, _PlayerRefused) as refused:
            self._isolate(players, refused)
            return
        fresh, rows = found[0]
        self.outcome.players += len(fresh)
        self.outcome.rows += rows
        self.outcome.done_before += len(players) - len(fresh)

    def _isolate(self, players: Players, refused: Exception) -> None:
        if len(players) == 1:
            self.outcome.refused.append((players[0][0].user_id, str(refused).partition("\n")[0]))
            return
        half = len(players) // 2
        self.store(players[:half])
        self.store(players[half:])

    def _store(self, connection: Connection, players: Players) -> tuple[list[str], int]:
        """Return the players that were stored, and the number of new rows."""
        lines = [line for player in players for line in player]
        erased = ledger.read_refused(connection, {line.user_id for line in lines}).erased
        if erased:
            raise _PlayerRefused("the player was erased here")
        fresh = player_import.take(connection, lines, self._name)
        of_fresh = frozenset(fresh)
        counts = Counter(line.table for line in lines if line.user_id in of_fresh)
        ordered = {table: counts[table] for table in player_import.columns(connection) if table in counts}
        rows = player_import.store(connection, ordered, fresh)
        if counts.keys() & _WITH_HISTORY:
            self._add_up(connection, fresh)
        if self._catalogue.leaderboards and fresh:
            journal.insert(connection, sorted(fresh))
        return fresh, rows

    def _add_up(self, connection: Connection, user_ids: Sequence[str]) -> None:
        """Store standings that the lines lack: those of players without any by one statement."""
        schedules = self._catalogue.points_schedules
        missing: dict[StandingKey, Standing] = {}
        for user_id, history in histories.read(connection, user_ids).items():
            if history.standings:
                rebuild_within(connection, self._catalogue, user_id)
            else:
                expected = recalculated(user_id, history, schedules)
                missing |= {key: standing for key, standing in expected.items() if is_maintained(key, schedules)}
        if missing:
            standings.merge(connection, missing)


class _PlayerRefused(Exception):
    """A player cannot be imported."""
