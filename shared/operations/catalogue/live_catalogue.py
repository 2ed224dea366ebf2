"""The catalogue in use: what calls and batches are judged by, while the next version may take its place at any time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.domain.catalogue import Catalogue
from shared.domain.errors import CatalogueUnavailable
from shared.domain.instant import Instant

T = TypeVar("T")


@dataclass(frozen=True)
class InUse(Generic[T]):
    """One version and since when it is in use."""

    version: str
    since: Instant
    prepared: T
    """The catalogue in the form that a service works with."""


class LiveCatalogue(Generic[T]):
    """One version at a time.

    Whoever judges by it takes `current` once and works with that to the end: a call, and with it the events that it
    hands in, belongs to one version from its first line to its answer. A version never changes itself, and lives on for
    as long as calls hold it.
    """

    def __init__(self, prepare: Callable[[Catalogue], T]) -> None:
        """`prepare` makes of a catalogue what the service works with; it may take a while."""
        self._prepare = prepare
        self._in_use: InUse[T] | None = None

    @property
    def current(self) -> T:
        """The version in use, prepared. Raises `CatalogueUnavailable` while there is none."""
        in_use = self._in_use
        if in_use is None:
            raise CatalogueUnavailable
        return in_use.prepared

    @property
    def in_use(self) -> InUse[T] | None:
        """The version in use, if there is one."""
        return self._in_use

    def take(self, catalogue: Catalogue, now: Instant) -> None:
        """Take a catalogue into use, all at once, when it is prepared."""
        self._in_use = InUse(catalogue.version, now, self._prepare(catalogue))
