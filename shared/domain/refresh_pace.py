"""The pace at which the ranking that serves reads without Redis is refreshed.

A refresh reads all scores, whatever has changed. So there is none while nothing changes, and refreshes take a bounded
share of the time, however large leaderboards are.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import SECOND, Instant, Microseconds

CHANGES_ENOUGH = 1_000
"""Changed scores that make a refresh due as soon as `REST_FACTOR` allows."""
PATIENCE: Microseconds = 10 * SECOND
"""Delay after which fewer changed scores make a refresh due, in microseconds."""
REST_FACTOR = 10
"""Minimum time between the starts of two refreshes, as a multiple of the first one's duration."""


class Content(NamedTuple):
    """A summary of what a refresh would read, available without reading it."""

    changes: int
    """Changed scores counted by the database; the counter restarts after a crash of the database server."""
    ranked: str
    """Hash of the leaderboards and periods that are ranked."""


class Refresh(NamedTuple):
    """A finished refresh."""

    fresh_at: Instant
    """When it started; everything committed before is in the ranking."""
    content: Content
    """The summary of what it read, from just before it started."""
    duration: Microseconds
    """In microseconds."""


def is_due(now: Instant, content: Content, last: Refresh | None) -> bool:
    """Return True if a refresh is due now, `last` being the last one. The first one always is."""
    if last is None:
        return True
    age = now - last.fresh_at
    if age < REST_FACTOR * last.duration:
        return False
    if content.ranked != last.content.ranked:
        return True
    changes = abs(content.changes - last.content.changes)
    return changes >= CHANGES_ENOUGH or (changes > 0 and age >= PATIENCE)
