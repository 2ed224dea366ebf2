"""The only way in which a catalogue on disk replaces the one in use: load, check, record, swap."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from shared.catalogue.on_disk import CatalogueOnDisk
from shared.catalogue.problem import CatalogueInvalid, CatalogueUnread
from shared.catalogue.transfer import Loaded
from shared.domain.catalogue import Catalogue
from shared.operations.catalogue.catalogue_record import record_catalogue, record_warnings
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.database_probe import PROBE_DEADLINE_S, probe_database
from shared.postgres.database import Database
from shared.runtime.clock import Clock

T = TypeVar("T")

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 1.0
RECORD_DEADLINE_S = 5.0
"""Time limit of recording. The largest catalogue, of 10,000 goals, takes half a second, and other processes wait."""
POLL_TIMEOUT_S = PROBE_DEADLINE_S + RECORD_DEADLINE_S
"""Time limit of one poll without loading, which takes 0.3 ms per goal."""
RETRY_PAUSE_S = 30.0
"""Pause in seconds before a loading is repeated that failed for a reason outside of the catalogue. Where memory is
short, each loading takes some of it."""


class CatalogueWatch(Generic[T]):
    """The watch of a catalogue on disk. `poll` is the pass of a duty; all other methods are thread-safe."""

    def __init__(
        self,
        path: Path,
        load: Callable[[Path], Loaded],
        prepare: Callable[[Catalogue], T],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load the first catalogue. The first poll puts it into use. Raise `CatalogueInvalid`.

        `load` returns the catalogue at a path, and `prepare` converts it to the form that the service uses.
        """
        self.live = LiveCatalogue(prepare)
        self.before_first_use: Callable[[Catalogue, float], object] = lambda *_: None
        """Called with the first recorded catalogue, and a deadline, before it is used. If it raises, the next poll
        tries again."""
        self._on_disk = CatalogueOnDisk(path, load)
        self._clock = clock
        self._monotonic = monotonic
        self._waiting: Catalogue | None = self._on_disk.load()
        self._reason = "the catalogue waits to be compared with those that ran before"
        self._reload_requested = threading.Event()
        self._retry_at: float | None = None
        """When the loading is repeated, on the monotonic clock in seconds; None if it need not be."""
        self._polled = threading.Event()
        self.refused = False
        """True if the catalogue on disk is refused. The one in use then stays in use."""

    def reload(self) -> None:
        """Request that the next poll loads the catalogue, whether the files have changed or not."""
        self._reload_requested.set()

    def poll(self, database: Database) -> None:
        """Load the catalogue if it has changed on disk, and put it into use once it is recorded.

        While the database is unavailable or its schema is outdated, the loaded catalogue waits for the next poll. Raise
        any other error of the database.
        """
        try:
            changed = self._on_disk.has_changed()
            is_due = self._retry_at is not None and self._monotonic() >= self._retry_at
            if self._reload_requested.is_set() or changed or is_due:
                self._reload_requested.clear()
                self._load()
            if self._waiting is not None:
                self._take(self._waiting, database)
        finally:
            self._polled.set()

    def wait_for_first_poll(self, timeout_s: float) -> None:
        """Wait until the first poll has ended, or for `timeout_s`."""
        self._polled.wait(timeout_s)

    def reason_unusable(self) -> str | None:
        """Return why no catalogue is in use; None if one is."""
        return self._reason if self.live.in_use is None else None

    def _load(self) -> None:
        """Load the catalogue on disk. If it is valid and of another version, the next step records and uses it."""
        self._waiting = self._retry_at = None
        try:
            catalogue = self._on_disk.load()
        except CatalogueInvalid as invalid:
            if isinstance(invalid, CatalogueUnread):
                self._retry_at = self._monotonic() + RETRY_PAUSE_S
            self._refuse(invalid)
            return
        self.refused = False
        in_use = self.live.in_use
        if in_use is not None and in_use.version == catalogue.version:
            log.info("catalogue on disk is already in use", extra={"version": catalogue.version})
            return
        self._waiting = catalogue

    def _take(self, catalogue: Catalogue, database: Database) -> None:
        """Record a loaded catalogue in the database, and use it from now on. A later pass retries failures."""
        problem = probe_database(database)
        if problem is not None:
            self._reason = f"the catalogue waits for the database: {problem}"
            return
        now, deadline = self._clock(), time.monotonic() + RECORD_DEADLINE_S
        try:
            catalogue = record_catalogue(database, catalogue, now, deadline)
        except CatalogueInvalid as invalid:
            self._waiting = None
            self._refuse(invalid)
            return
        warnings = [*self._on_disk.warnings, *record_warnings(database, catalogue, now, deadline)]
        if self.live.in_use is None:
            self.before_first_use(catalogue, deadline)
        self.live.take(catalogue, now)
        self._waiting = None
        log.info("catalogue in use", extra={"version": catalogue.version, "goals": len(catalogue.goals)})
        for warning in warnings:
            log.warning("catalogue warning", extra={"problem": str(warning)})

    def _refuse(self, invalid: CatalogueInvalid) -> None:
        """Log the problems of a refused catalogue. The one in use stays in use."""
        self.refused = True
        others = invalid.count - 1
        more = f" (and {others:,} more problems)" if others else ""
        self._reason = f"the catalogue is refused: {invalid.problems[0]}{more}"
        # One line for each problem, because log pipelines truncate long lines.
        for problem in invalid.problems:
            log.error("problem in the catalogue", extra={"problem": str(problem)})
        in_use = self.live.in_use
        log.error(
            "catalogue refused",
            extra={
                "path": str(self._on_disk.path),
                "problems": invalid.count,
                "version_in_use": in_use.version if in_use is not None else None,
            },
        )
