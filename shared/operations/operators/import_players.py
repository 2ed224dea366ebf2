"""Import of players, batch by batch, each in a transaction that marks them as done. So an import can be repeated."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.catalogue import Catalogue
from shared.domain.errors import DeadlineExceeded
from shared.domain.player_lines import Row
from shared.domain.recalculation import is_maintained, recalculated
from shared.domain.standings import Standing, StandingKey
from shared.operations.statistics.recalculate import rebuild_within
from shared.operations.step_size import StepSize
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import ledger
from shared.postgres.leaderboards import journal
from shared.postgres.operators import player_import
from shared.postgres.operators.player_import import ClaimUnstored, Tables
from shared.postgres.player_sweeps import CHALLENGE_COUNT, note_changed
from shared.postgres.sqlstates import ContentRefused
from shared.postgres.statistics import histories, standings

BATCH_PLAYERS = 2_000
BATCH_ROWS = 40_000
"""About as many rows as one transaction stores, in a second or two."""
BATCH_TIMEOUT_S = 25.0
"""Time limit in seconds of a batch, below that of a statement. One that exceeds it is stored as two."""
_WITH_HISTORY = frozenset({"completion", "reopened_completion", "carried_completion", "points_adjustment", "standing"})

_ERASED = "the player was erased here"

Players = Sequence[Sequence[Row]]
"""The rows of each player."""


class PlayersMixed(Exception):
    """The lines of a player do not follow each other."""


def batches(rows: Iterable[Row]) -> Iterator[Players]:
    """Yield batches of players with their rows. Raise `PlayersMixed`."""
    batch: list[list[Row]] = []
    seen: set[str] = set()
    count = 0
    last: str | None = None
    of_player: list[Row] = []
    for row in rows:
        user_id = row[1]
        if user_id != last:
            last = user_id
            if last in seen:
                raise PlayersMixed(f"the lines of the player {last} do not follow each other")
            if len(batch) >= BATCH_PLAYERS or count >= BATCH_ROWS:
                yield batch
                batch, count = [], 0
            seen.add(last)
            of_player = []
            batch.append(of_player)
        of_player.append(row)
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

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        tables: Tables,
        name: str,
        *,
        dry: bool,
        is_erased: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`tables` are all tables of players. `is_erased` says whom this import brought before an erasure."""
        self._database = database
        self._tables = tables
        self._is_erased = is_erased
        self._catalogue = catalogue
        self._name = name
        self._dry = dry
        self._size = StepSize()
        self.outcome = Imported()

    def store(self, players: Players) -> None:
        """Store all rows of these players, at most about `BATCH_ROWS`. Raise what the database raises.

        A player whose rows the database refuses is noted in the outcome, and the others are stored. How long a batch
        takes depends on the disk, from which each key may have to be read beside a long history: those that exceed
        their time limit are stored in parts, and so are the next ones.
        """
        players = self._without_erased(players)
        waiting = [players] if players else []
        while waiting:
            some = waiting.pop()
            started = time.monotonic()
            if len(some) > self._size.of(BATCH_PLAYERS):
                waiting += _halves(some)
                continue
            try:
                self._store_together(some)
            except (ContentRefused, ClaimUnstored, _PlayerRefused) as refused:
                if len(some) == 1:
                    self.outcome.refused.append((some[0][0][1], str(refused).partition("\n")[0]))
                else:
                    waiting += _halves(some)
            except DeadlineExceeded:
                if len(some) == 1:
                    raise
                while self._size.of(BATCH_PLAYERS) >= len(some):
                    self._size.exceeded()
                waiting += _halves(some)
            else:
                self._size.took(time.monotonic() - started, BATCH_TIMEOUT_S)

    def _without_erased(self, players: Players) -> Players:
        erased = {rows[0][1] for rows in players if self._is_erased(rows[0][1])}
        self.outcome.refused += [(user_id, _ERASED) for user_id in sorted(erased)]
        return [rows for rows in players if rows[0][1] not in erased] if erased else players

    def _store_together(self, players: Players) -> None:
        """Store all rows of these players in one transaction."""
        found: list[tuple[list[str], int]] = []

        def attempt(connection: Connection) -> None:
            found[:] = [self._store(connection, players)]

        deadline = time.monotonic() + BATCH_TIMEOUT_S
        if self._dry:
            self._database.rehearse(attempt, deadline)
        else:
            self._database.transact(attempt, deadline)
        fresh, rows = found[0]
        self.outcome.players += len(fresh)
        self.outcome.rows += rows
        self.outcome.done_before += len(players) - len(fresh)

    def _store(self, connection: Connection, players: Players) -> tuple[list[str], int]:
        """Return the players that were stored, and the number of new rows."""
        user_ids = {rows[0][1] for rows in players}
        if ledger.read_refused(connection, user_ids).erased:
            raise _PlayerRefused(_ERASED)
        fresh = player_import.mark(connection, user_ids, self._name)
        of_fresh = frozenset(fresh)
        by_table: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for of_player in players:
            if of_player[0][1] in of_fresh:
                for table, _, row in of_player:
                    by_table[table].append(row)
        ordered = {table: by_table[table] for table in self._tables if table in by_table}
        rows = player_import.store(connection, self._tables, ordered, fresh)
        if by_table.keys() & _WITH_HISTORY:
            self._add_up(connection, fresh)
        note_changed(connection, CHALLENGE_COUNT, fresh)
        if self._catalogue.leaderboards and fresh:
            journal.insert(connection, sorted(fresh))
        return fresh, rows

    def _add_up(self, connection: Connection, user_ids: Sequence[str]) -> None:
        """Store standings that the rows lack: those of players without any by one statement."""
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


def _halves(players: Players) -> list[Players]:
    """Return the second half and the first one, which is taken first from the end of a list."""
    half = len(players) // 2
    return [players[half:], players[:half]]


class _PlayerRefused(Exception):
    """A player cannot be imported."""
