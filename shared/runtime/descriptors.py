"""The number of descriptors that the process may have open."""

from __future__ import annotations

import resource
from contextlib import suppress

WANTED = 65_536
"""More than any process here needs. Some systems allow 1,024 by default, and many more on request."""


def allow_many_descriptors() -> None:
    """Raise the limit of open descriptors as far as the system lets the process, up to `WANTED`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def descriptors_max() -> int:
    """Return how many descriptors the process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else soft
