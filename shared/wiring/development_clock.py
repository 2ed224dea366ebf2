"""The development clock of a process, where the settings turn it on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from shared.domain.catalogue import Catalogue
from shared.domain.clock_comparison import Now
from shared.domain.instant import Day, Instant, day_of
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.leaderboards.leaderboard_periods import MAINTAIN_TIMEOUT_S, open_periods
from shared.postgres.database import Database
from shared.runtime.clock import Clock
from shared.runtime.development_clock import DevelopmentClock
from shared.runtime.health import PROBE_INTERVAL_S, Health
from shared.runtime.service import Process
from shared.runtime.settings_groups import DevelopmentSettings

log = logging.getLogger(__name__)


def open_development_clock(settings: DevelopmentSettings, process: Process, health: Health) -> DevelopmentClock | None:
    """Return the development clock; None where it is off. It warns, and has a health name and a metric."""
    if not settings.clock:
        return None
    log.warning("DEVELOPMENT CLOCK IS ON: every caller can set the time", extra={"variable": "DEVELOPMENT_CLOCK"})
    process.telemetry.gauge("development_clock", "1 where every caller can set the time.", lambda: 1.0)
    probe = health.add_probe("development_clock", lambda: None, decisive=False)
    process.duties.start("show development clock", PROBE_INTERVAL_S, probe)
    return DevelopmentClock()


def present(clock: Clock, development: DevelopmentClock | None) -> Clock:
    """Return the clock that rules read: `clock` itself unless calls may carry their instant."""
    return clock if development is None else development.over(clock)


def present_by_both(now: Callable[[], Now], development: DevelopmentClock | None) -> Callable[[], Now]:
    """Return the same for the present by both clocks."""
    return now if development is None else development.over_both(now)


def rank_carried_periods(
    development: DevelopmentClock, live: LiveCatalogue[Catalogue], database: Database, accepted_age: Callable[[], int]
) -> None:
    """Open the periods of leaderboards around the instants that calls carry: the duty opens those of the real time."""
    opened: set[tuple[str, Day]] = set()

    def open_around(instant: Instant) -> None:
        in_use = live.in_use
        if in_use is None or (in_use.version, day_of(instant)) in opened:
            return
        deadline = time.monotonic() + MAINTAIN_TIMEOUT_S
        catalogue, first = in_use.prepared, instant - accepted_age()
        database.autocommit(lambda connection: open_periods(connection, catalogue, first, instant), deadline)
        opened.add((in_use.version, day_of(instant)))

    development.before_calls(open_around)
