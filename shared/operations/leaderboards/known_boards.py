"""The leaderboards that a process knows. Of others it neither stores scores in Redis nor notes that they change."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards import journal


class KnownBoards:
    """The leaderboards of the catalogue of this process, as last seen."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: frozenset[str] | None = None

    def follow(self, catalogue: Catalogue, deadline: float) -> None:
        """Invalidate the rankings of leaderboards that a catalogue adds or removes: they may have missed changes."""
        boards, before = frozenset(catalogue.leaderboard_by_id), self._known
        if boards == before:
            return

        def invalidate(connection: Connection) -> None:
            if before is None:
                journal.invalidate_all_but(connection, boards)
            else:
                journal.invalidate(connection, boards ^ before)

        self._database.transact(invalidate, deadline)
        self._known = boards

    def leave(self, deadline: float) -> None:
        """Invalidate the rankings of all other leaderboards, after the last change of this process.

        In a rollout a process ends without ever seeing the catalogue that the next one starts with.
        """
        known = self._known
        if known is not None:
            self._database.transact(lambda connection: journal.invalidate_all_but(connection, known), deadline)
