"""Drafts: the values of a catalogue that have the right shape.

Rules check drafts, so that a goal with a misspelt key still takes part in them and all problems can be reported
together. A value of another shape is None here: the schema reports it, and rules skip it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.catalogue.document import Document, Place
from shared.catalogue.sizes import response_size


class TextDraft(NamedTuple):
    """An entry of a list of ids."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class GoalDraft:
    """One goal; `place` is the whole goal's."""

    place: Place
    id: str | None
    source: str | None
    has_stat: bool
    """True if the key is present, whatever its value."""
    count: str | None
    requires: tuple[TextDraft, ...]
    tags: tuple[TextDraft, ...]


@dataclass(frozen=True, slots=True)
class ChallengeDraft:
    """One challenge; `place` is the whole challenge's."""

    place: Place
    id: str | None
    response_size: int
    """Maximum size in bytes of the challenge in a response."""


@dataclass(frozen=True, slots=True)
class LeaderboardDraft:
    """One leaderboard; `place` is the whole leaderboard's."""

    place: Place
    id: str | None
    over: str | None
    challenge: str | None
    tag: str | None
    count: str | None
    keys: frozenset[str]
    """The keys that are present, whatever their values."""


@dataclass(frozen=True, slots=True)
class CatalogueDraft:
    """All files together, in order; at least one."""

    documents: tuple[Document, ...]
    challenges: tuple[ChallengeDraft, ...]
    goals: tuple[GoalDraft, ...]
    stats: tuple[TextDraft, ...]
    leaderboards: tuple[LeaderboardDraft, ...]


def draft_of(documents: Sequence[Document]) -> CatalogueDraft:
    """Return the draft of all documents together."""
    challenges: list[ChallengeDraft] = []
    goals: list[GoalDraft] = []
    stats: list[TextDraft] = []
    leaderboards: list[LeaderboardDraft] = []
    for document in documents:
        root = Place(document)
        stats.extend(_texts(root, document.value, "stats"))
        leaderboards.extend(_board(*entry) for entry in _entries(root, document.value, "leaderboards"))
        for place, challenge in _entries(root, document.value, "challenges"):
            challenges.append(ChallengeDraft(place, _text(challenge, "id"), response_size(challenge)))
            goals.extend(_goal(*entry) for entry in _entries(place, challenge, "goals"))
    return CatalogueDraft(tuple(documents), tuple(challenges), tuple(goals), tuple(stats), tuple(leaderboards))


def _goal(place: Place, goal: object) -> GoalDraft:
    return GoalDraft(
        place,
        id=_text(goal, "id"),
        source=_text(goal, "source"),
        has_stat=isinstance(goal, dict) and "stat" in goal,
        count=_text(goal, "count"),
        requires=tuple(_texts(place, goal, "requires")),
        tags=tuple(_texts(place, goal, "tags")),
    )


def _board(place: Place, board: object) -> LeaderboardDraft:
    return LeaderboardDraft(
        place,
        id=_text(board, "id"),
        over=_text(board, "over"),
        challenge=_text(board, "challenge"),
        tag=_text(board, "tag"),
        count=_text(board, "count"),
        keys=frozenset(board) if isinstance(board, dict) else frozenset(),
    )


def _entries(place: Place, value: object, key: str) -> Iterator[tuple[Place, object]]:
    """Yield the entries of the list under `key`, each with its place; none if there is no such list."""
    entries = value.get(key) if isinstance(value, dict) else None
    if isinstance(entries, list):
        for index, entry in enumerate(entries):
            yield place.at(key, index), entry


def _texts(place: Place, value: object, key: str) -> Iterator[TextDraft]:
    return (TextDraft(at, entry) for at, entry in _entries(place, value, key) if isinstance(entry, str))


def _text(value: object, key: str) -> str | None:
    text = value.get(key) if isinstance(value, dict) else None
    return text if isinstance(text, str) else None
