"""Values of the expected shape within a document; a value of another shape is as if it were missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shared.catalogue.document import Place


class TextDraft(NamedTuple):
    """An entry of a list of ids."""

    place: Place
    text: str


def keys_of(value: object) -> frozenset[str]:
    """Return the keys of a mapping."""
    return frozenset(value) if isinstance(value, dict) else frozenset()


def placed_text(place: Place, value: object, key: str) -> TextDraft | None:
    """Return the text under `key` with its place; None if there is no such text."""
    return None if (text := text_of(value, key)) is None else TextDraft(place.at(key), text)


def entries_of(place: Place, value: object, key: str) -> Iterator[tuple[Place, object]]:
    """Yield the entries of the list under `key`, each with its place; none if there is no such list."""
    entries = value.get(key) if isinstance(value, dict) else None
    if isinstance(entries, list):
        for index, entry in enumerate(entries):
            yield place.at(key, index), entry


def texts(place: Place, value: object, key: str) -> Iterator[TextDraft]:
    """Return the texts of the list under `key`, each with its place."""
    return (TextDraft(at, entry) for at, entry in entries_of(place, value, key) if isinstance(entry, str))


def text_of(value: object, key: str) -> str | None:
    """Return the text under `key`; None if there is no such text."""
    text = value.get(key) if isinstance(value, dict) else None
    return text if isinstance(text, str) else None
