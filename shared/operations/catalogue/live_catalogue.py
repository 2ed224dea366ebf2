"""The catalogue in use, which may be replaced by the next version at any time."""

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
    """A version in use, and since when."""

    version: str
    since: Instant
    prepared: T
    """The catalogue in the form that the service uses."""


class LiveCatalogue(Generic[T]):
    """Holder of the version in use.

    A call reads `current` once and uses that version to its end, so that the call and the events that it submits belong
    to one version. A version is immutable, and exists for as long as calls refer to it.
    """

    def __init__(self, prepare: Callable[[Catalogue], T]) -> None:
        """Create it with `prepare`, which converts a catalogue to the form that the service uses, and may be slow."""
        self._prepare = prepare
        self._in_use: InUse[T] | None = None

    @property
    def current(self) -> T:
        """The prepared version in use. Raise `CatalogueUnavailable` while there is none."""
        in_use = self._in_use
        if in_use is None:
            raise CatalogueUnavailable
        return in_use.prepared

    @property
    def in_use(self) -> InUse[T] | None:
        """The version in use; None if there is none."""
        return self._in_use

    def take(self, catalogue: Catalogue, now: Instant) -> None:
        """Prepare a catalogue, and then put it into use atomically."""
        self._in_use = InUse(catalogue.version, now, self._prepare(catalogue))
