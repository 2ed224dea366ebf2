"""Ids that are used once, and ids in problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shared.catalogue.document import Place
from shared.catalogue.problem import Problem

_ID_SHOWN_MAX = 128


def unique(ids: Iterable[tuple[Place, str | None]]) -> Iterator[Problem]:
    """Yield a problem for each id that is used again."""
    first: dict[str, Place] = {}
    for place, text in ids:
        if text is None:
            continue
        if text in first:
            where = first[text]
            file = "" if where.document is place.document else f" of {where.document.file}"
            yield place.problem(f"{shown(text)} is already used at {where}{file}")
        first.setdefault(text, place)


def shown(text: str) -> str:
    """Return the id in quotes, without line breaks and cut to the maximum length of an id."""
    return repr(text[:_ID_SHOWN_MAX])
