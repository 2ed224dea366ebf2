"""When the ranking that answers without Redis is brought up to date.

A refresh reads all scores, whatever has changed. So there is none while nothing changes, and the time that refreshes
take is a bounded share of all time, however large boards are.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import SECOND, Instant

CHANGES_ENOUGH = 1_000
"""Changes of scores after which there is a refresh as soon as may be."""
PATIENCE: Instant = 10 * SECOND
"""How long fewer changes wait."""
REST_FACTOR = 10
"""A refresh begins at the earliest so many times the last one's duration after that one's begin."""


class Content(NamedTuple):
    """What a refresh would read, as far as that can be known without reading it."""

    changes: int
    """Changes of scores that the database has counted; after a crash of its server it begins anew."""
    ranked: str
    """A hash of the boards and periods that are ranked."""


class Refresh(NamedTuple):
    """The last refresh."""

    fresh_at: Instant
    """When it began: what was committed before is in the ranking."""
    content: Content
    duration: Instant
    """In microseconds."""


def is_due(now: Instant, content: Content, last: Refresh | None) -> bool:
    """Whether the ranking is to be refreshed now. The first refresh always is."""
    if last is None:
        return True
    age = now - last.fresh_at
    if age < REST_FACTOR * last.duration:
        return False
    if content.ranked != last.content.ranked:
        return True
    changes = abs(content.changes - last.content.changes)
    return changes >= CHANGES_ENOUGH or (changes > 0 and age >= PATIENCE)
