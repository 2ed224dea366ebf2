"""Taking catalogues from disk into use: load, check, record, swap. The one place where this is done."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from shared.catalogue.on_disk import CatalogueOnDisk
from shared.catalogue.problem import CatalogueInvalid
from shared.domain.catalogue import Catalogue
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.database_probe import PROBE_DEADLINE_S, probe_database
from shared.postgres.database import Database
from shared.runtime.clock import Clock

T = TypeVar("T")

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 1.0
RECORD_DEADLINE_S = 5.0
"""The largest catalogue, of 10,000 goals, takes half a second, and what starts at the same time waits for it."""
POLL_TIMEOUT_S = PROBE_DEADLINE_S + RECORD_DEADLINE_S
"""What a look takes at most, beside loading: 0.3 ms a goal."""


class CatalogueWatch(Generic[T]):
    """Looks after a catalogue on disk. `look` is a duty's pass; all else may be asked by any thread."""

    def __init__(self, path: Path, prepare: Callable[[Catalogue], T], clock: Clock) -> None:
        """Loads the first catalogue, and raises `CatalogueInvalid`; the first look takes it into use.

        `prepare` makes of a catalogue what the service works with.
        """
        self.live = LiveCatalogue(prepare)
        self._on_disk = CatalogueOnDisk(path)
        self._clock = clock
        self._waiting: Catalogue | None = self._on_disk.load()
        self._reason = "the catalogue waits to be compared with those that ran before"
        self._asked = threading.Event()
        self._looked = threading.Event()
        self.refused = False
        """Whether what lies on disk is refused. What is in use then goes on."""

    def reload(self) -> None:
        """Ask for what lies on disk to be loaded at the next look, whether it looks changed or not."""
        self._asked.set()

    def poll(self, database: Database) -> None:
        """Load what has changed on disk, and take it into use once it is on record.

        Without a database, or on a schema that is behind, it stays loaded and waits for the next look. Raises what the
        database raises otherwise.
        """
        try:
            changed = self._on_disk.has_changed()
            if self._asked.is_set() or changed:
                self._asked.clear()
                self._load()
            if self._waiting is not None:
                self._take(self._waiting, database)
        finally:
            self._looked.set()

    def wait_for_first_poll(self, timeout_s: float) -> None:
        """Wait until somebody has looked, or for so long."""
        self._looked.wait(timeout_s)

    def reason_unusable(self) -> str | None:
        """Why no catalogue is in use; None if one is."""
        return self._reason if self.live.in_use is None else None

    def _load(self) -> None:
        self._waiting = None
        try:
            catalogue = self._on_disk.load()
        except CatalogueInvalid as invalid:
            self._refuse(invalid)
            return
        self.refused = False
        in_use = self.live.in_use
        if in_use is not None and in_use.version == catalogue.version:
            log.info("the catalogue on disk is the one in use", extra={"version": catalogue.version})
            return
        self._waiting = catalogue

    def _take(self, catalogue: Catalogue, database: Database) -> None:
        unfit = probe_database(database)
        if unfit is not None:
            self._reason = f"the catalogue waits for the database: {unfit}"
            return
        now = self._clock()
        try:
            record_catalogue(database, catalogue, now, time.monotonic() + RECORD_DEADLINE_S)
        except CatalogueInvalid as invalid:
            self._waiting = None
            self._refuse(invalid)
            return
        self.live.take(catalogue, now)
        self._waiting = None
        log.info("catalogue in use", extra={"version": catalogue.version, "goals": len(catalogue.goals)})

    def _refuse(self, invalid: CatalogueInvalid) -> None:
        self.refused = True
        first, *others = map(str, invalid.problems)
        self._reason = f"the catalogue is refused: {first}" + (f" (and {len(others)} more problems)" if others else "")
        # A line each: a log may cut long lines.
        for problem in invalid.problems:
            log.error("a problem of the catalogue", extra={"problem": str(problem)})
        in_use = self.live.in_use
        log.error(
            "the catalogue is refused",
            extra={
                "path": str(self._on_disk.path),
                "problems": len(invalid.problems),
                "version_in_use": in_use.version if in_use is not None else None,
            },
        )
