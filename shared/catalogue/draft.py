"""Drafts: the values of a catalogue that have the right shape.

Rules check drafts, so that a goal with a misspelt key still takes part in them. A value of another shape is None here:
the schema reports it, and rules skip it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.catalogue.document import Document, Place
from shared.catalogue.schedule_building import is_always_open, schedule_text
from shared.catalogue.schedule_forms import Recurring, recurring
from shared.catalogue.sizes import response_size
from shared.catalogue.time_fields import moment_or_none
from shared.domain.instant import Instant

SCHEDULE_TEXTS_MAX = 100
"""Maximum number of schedules whose texts are computed: more than are allowed. A text takes 20 µs."""


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
    stat: str | None
    has_stat: bool
    """True if the key is present."""
    count: str | None
    requires: tuple[TextDraft, ...]
    requires_to_activate: tuple[TextDraft, ...]
    tags: tuple[TextDraft, ...]
    own_schedule: TextDraft | None
    schedule: TextDraft | None
    """Its own schedule, or its challenge's."""
    default_assigned: bool
    has_from: bool
    in_pool: bool
    """True if its challenge has the key `select`."""


@dataclass(frozen=True, slots=True)
class ChallengeDraft:
    """One challenge; `place` is the whole challenge's."""

    place: Place
    id: str | None
    response_size: int
    """Maximum size in bytes of the challenge in a response."""
    own_schedule: TextDraft | None
    select: int | None
    goals: int
    """Number of its goals, valid or not."""
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class LeaderboardDraft:
    """One leaderboard; `place` is the whole leaderboard's."""

    place: Place
    id: str | None
    over: str | None
    challenge: str | None
    tag: str | None
    stat: str | None
    count: str | None
    period: TextDraft | None
    keys: frozenset[str]
    """The keys that are present, whatever their values."""


@dataclass(frozen=True, slots=True)
class ScheduleDraft:
    """One schedule; `place` is the whole schedule's."""

    place: Place
    id: str | None
    every: Recurring | None
    zone: str | None
    season: TextDraft | None
    claim_grace_days: int | None
    is_always_open: bool
    """True if its window is valid and leaves nothing out."""
    text: str | None
    """The canonical text of a schedule that matches the schema, of the first `SCHEDULE_TEXTS_MAX`."""
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class SeasonRunDraft:
    """One run of a season; `place` is the whole run's."""

    place: Place
    id: str | None
    starts: Instant | None
    ends: Instant | None


@dataclass(frozen=True, slots=True)
class CatalogueDraft:
    """All files together, in order; at least one."""

    documents: tuple[Document, ...]
    challenges: tuple[ChallengeDraft, ...]
    goals: tuple[GoalDraft, ...]
    stats: tuple[TextDraft, ...]
    leaderboards: tuple[LeaderboardDraft, ...]
    schedules: tuple[ScheduleDraft, ...]
    season_runs: tuple[SeasonRunDraft, ...]


def draft_of(documents: Sequence[Document]) -> CatalogueDraft:
    """Return the draft of all documents together."""
    challenges: list[ChallengeDraft] = []
    goals: list[GoalDraft] = []
    stats: list[TextDraft] = []
    leaderboards: list[LeaderboardDraft] = []
    schedules: list[ScheduleDraft] = []
    season_runs: list[SeasonRunDraft] = []
    for document in documents:
        root = Place(document)
        stats.extend(_texts(root, document.value, "stats"))
        leaderboards.extend(_board(*entry) for entry in _entries(root, document.value, "leaderboards"))
        for place, schedule in _entries(root, document.value, "schedules"):
            schedules.append(_schedule(place, schedule, with_text=len(schedules) < SCHEDULE_TEXTS_MAX))
        season_runs.extend(_season_run(*entry) for entry in _entries(root, document.value, "seasons"))
        for place, challenge in _entries(root, document.value, "challenges"):
            of_all = _placed_text(place, challenge, "schedule")
            entries, in_pool = list(_entries(place, challenge, "goals")), "select" in _keys(challenge)
            challenges.append(_challenge(place, challenge, of_all, len(entries)))
            goals.extend(_goal(*entry, of_all, in_pool=in_pool) for entry in entries)
    return CatalogueDraft(
        tuple(documents),
        tuple(challenges),
        tuple(goals),
        tuple(stats),
        tuple(leaderboards),
        tuple(schedules),
        tuple(season_runs),
    )


def _challenge(place: Place, challenge: object, own_schedule: TextDraft | None, goals: int) -> ChallengeDraft:
    select = challenge.get("select") if isinstance(challenge, dict) else None
    return ChallengeDraft(
        place,
        id=_text(challenge, "id"),
        response_size=response_size(challenge),
        own_schedule=own_schedule,
        select=select if isinstance(select, int) else None,
        goals=goals,
        keys=_keys(challenge),
    )


def _goal(place: Place, goal: object, schedule_of_challenge: TextDraft | None, *, in_pool: bool) -> GoalDraft:
    own_schedule = _placed_text(place, goal, "schedule")
    return GoalDraft(
        place,
        id=_text(goal, "id"),
        source=_text(goal, "source"),
        stat=_text(goal, "stat"),
        has_stat=isinstance(goal, dict) and "stat" in goal,
        count=_text(goal, "count"),
        requires=tuple(_texts(place, goal, "requires")),
        requires_to_activate=tuple(_texts(place, goal, "requires_to_activate")),
        tags=tuple(_texts(place, goal, "tags")),
        own_schedule=own_schedule,
        schedule=own_schedule or schedule_of_challenge,
        default_assigned=isinstance(goal, dict) and goal.get("default_assigned") is True,
        has_from="from" in _keys(goal),
        in_pool=in_pool,
    )


def _board(place: Place, board: object) -> LeaderboardDraft:
    return LeaderboardDraft(
        place,
        id=_text(board, "id"),
        over=_text(board, "over"),
        challenge=_text(board, "challenge"),
        tag=_text(board, "tag"),
        stat=_text(board, "stat"),
        count=_text(board, "count"),
        period=_placed_text(place, board, "period"),
        keys=_keys(board),
    )


def _schedule(place: Place, schedule: object, *, with_text: bool) -> ScheduleDraft:
    values = schedule if isinstance(schedule, dict) else {}
    grace = values.get("claim_grace")
    days = grace.get("days") if isinstance(grace, dict) else None
    return ScheduleDraft(
        place,
        id=_text(schedule, "id"),
        every=recurring(values.get("every")),
        zone=_text(schedule, "zone"),
        season=_placed_text(place, schedule, "season"),
        claim_grace_days=days if isinstance(days, int) else None,
        is_always_open="window" in values and is_always_open(values["window"]),
        text=schedule_text(schedule) if with_text else None,
        keys=_keys(schedule),
    )


def _season_run(place: Place, run: object) -> SeasonRunDraft:
    values = run if isinstance(run, dict) else {}
    return SeasonRunDraft(
        place, _text(run, "id"), moment_or_none(values.get("starts")), moment_or_none(values.get("ends"))
    )


def _keys(value: object) -> frozenset[str]:
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _placed_text(place: Place, value: object, key: str) -> TextDraft | None:
    return None if (text := _text(value, key)) is None else TextDraft(place.at(key), text)


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
