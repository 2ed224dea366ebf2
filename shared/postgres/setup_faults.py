"""Faults of a database's setup, which every call meets until it is corrected."""

from __future__ import annotations

import logging
import time

import psycopg

from shared.postgres.sqlstates import Failure

log = logging.getLogger(__name__)

SETUP_FAULTS = {Failure.SCHEMA: "unexpected database schema", Failure.DENIED: "the role lacks a right"}
INTERVAL_S = 10.0
"""Least time in seconds between two log lines: one in a while is enough."""


class SetupFaultLog:
    """Logs the faults of one database."""

    def __init__(self) -> None:
        self._logged_at = -INTERVAL_S

    def note(self, failure: Failure, error: psycopg.Error) -> None:
        """Log a failure of a statement if the setup is at fault and nothing was logged for `INTERVAL_S`."""
        now = time.monotonic()
        if failure in SETUP_FAULTS and now >= self._logged_at + INTERVAL_S:
            self._logged_at = now
            log.error("statement failed: %s", SETUP_FAULTS[failure], exc_info=error)
