"""How late things may be where tests run beside each other, on a machine that others use, too.

Bounds on time are promises for a machine that is doing nothing else. `BUSY_FACTOR=1` holds the system to its word; what
the tests check in passing is that nothing waits for a reason of another order: a pool, a lock, a retry.
"""

from __future__ import annotations

import os

BUSY_FACTOR = float(os.environ.get("BUSY_FACTOR", "5"))
"""By how much bounds on what a single call may take are multiplied."""

BUSY_MACHINE_S = 0.6 * BUSY_FACTOR
"""Seconds that are added where processes start, or look at something from time to time."""

LATE_S = 0.1 * BUSY_FACTOR
"""Seconds after a deadline within which it is noticed."""
