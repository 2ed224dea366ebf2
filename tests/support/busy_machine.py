"""Tolerances for time bounds on a machine that is shared with other tests and processes.

Time bounds are promises for an idle machine. `BUSY_FACTOR=1` checks them exactly; by default tests only check that
nothing waits for something of another order of magnitude, such as a pool, a lock or a retry.
"""

from __future__ import annotations

import os

BUSY_FACTOR = float(os.environ.get("BUSY_FACTOR", "5"))
"""Factor by which time bounds of single calls are multiplied."""

BUSY_MACHINE_S = 0.6 * BUSY_FACTOR
"""Seconds added where processes start or poll."""

LATE_S = 0.1 * BUSY_FACTOR
"""Seconds within which a passed deadline is noticed."""
