"""The ways in which Redis fails a question."""

from __future__ import annotations


class CacheUnavailable(Exception):
    """Redis does not respond, or is not asked because it did not respond before."""


class CacheRefused(Exception):
    """Redis replied with an error, because of its state or of a value of another type under our key."""
