"""Catalogues as bytes, for their way from the process that loads them to the one that uses them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from io import BytesIO
from typing import Any, NamedTuple

from shared.catalogue.problem import CatalogueInvalid, Problem
from shared.domain.catalogue import Catalogue
from shared.domain.schedules import LIFETIME


class Loaded(NamedTuple):
    """A valid catalogue, and warnings about it for its author."""

    catalogue: Catalogue
    warnings: tuple[Problem, ...]


def to_bytes(found: Loaded | CatalogueInvalid) -> bytes:
    """Return `found` as bytes for `from_bytes`."""
    file = BytesIO()
    _Pickler(file, pickle.HIGHEST_PROTOCOL).dump(found)
    return file.getvalue()


def from_bytes(content: bytes) -> Loaded | CatalogueInvalid:
    """Return what `to_bytes` was given. Only for bytes from a process of the same program: others can do any harm."""
    found = pickle.loads(content)  # noqa: S301 - its own process wrote them
    if not isinstance(found, Loaded | CatalogueInvalid):
        raise TypeError(f"neither a catalogue nor its problems: {type(found).__name__}")
    return found


class _Pickler(pickle.Pickler):
    """Writes definitions as the arguments that make them, without what they have computed from these and remember."""

    def reducer_override(self, value: object) -> Any:
        if value is LIFETIME:
            # The schedule of most goals, which calls compare with it: comparing it with a copy would take longer.
            return "LIFETIME"
        if is_dataclass(value) and not isinstance(value, type):
            arguments = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
            return _made, (type(value), arguments)
        return NotImplemented


def _made(kind: type, arguments: Mapping[str, object]) -> object:
    return kind(**arguments)
