"""Drafts: the values of a catalogue that have the right shape.

Rules check drafts, so that a goal with a misspelt key still takes part in them. A value of another shape is None here:
the schema reports it, and rules skip it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.catalogue.content import TextDraft, entries_of, keys_of, placed_text, text_of, texts
from shared.catalogue.document import Document, Place
from shared.catalogue.schedule_building import is_always_open, schedule_text
from shared.catalogue.schedule_forms import Recurring, recurring
from shared.catalogue.sizes import response_size
from shared.catalogue.time_fields import moment_or_none
from shared.domain.instant import Instant

SCHEDULE_TEXTS_MAX = 100
"""Maximum number of schedules whose texts are computed: more than are allowed. A text takes 20 µs."""


@dataclass(frozen=True, slots=True)
class GoalDraft:
    """One goal; `place` is the whole goal's."""

    place: Place
    id: str | None
    content: Mapping[str, object]
    """The goal as it is written."""
    challenge_id: str | None
    source: str | None
    stat: str | None
    count: str | None
    requires: tuple[TextDraft, ...]
    requires_to_activate: tuple[TextDraft, ...]
    tags: tuple[TextDraft, ...]
    own_schedule: TextDraft | None
    schedule: TextDraft | None
    """Its own schedule, or its challenge's."""
    default_assigned: bool
    in_pool: bool
    """True if its challenge has the key `select`."""

    @property
    def counts(self) -> tuple[str | None, ...]:
        """The things it counts of its source: a stat, or goals by their challenge, their tag or a list."""
        return self.stat, *(f"{self.content.get(key, '')}" for key in ("challenge", "tag", "goals"))


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

    @property
    def counts(self) -> tuple[str | None, ...]:
        """The stat that it counts, in the form of a goal."""
        return self.stat, "", "", ""


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
        stats.extend(texts(root, document.value, "stats"))
        leaderboards.extend(_board(*entry) for entry in entries_of(root, document.value, "leaderboards"))
        for place, schedule in entries_of(root, document.value, "schedules"):
            schedules.append(_schedule(place, schedule, with_text=len(schedules) < SCHEDULE_TEXTS_MAX))
        season_runs.extend(_season_run(*entry) for entry in entries_of(root, document.value, "seasons"))
        for place, challenge in entries_of(root, document.value, "challenges"):
            of_all = placed_text(place, challenge, "schedule")
            entries, in_pool = list(entries_of(place, challenge, "goals")), "select" in keys_of(challenge)
            challenges.append(_challenge(place, challenge, of_all, len(entries)))
            goals.extend(_goal(*entry, text_of(challenge, "id"), of_all, in_pool=in_pool) for entry in entries)
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
        id=text_of(challenge, "id"),
        response_size=response_size(challenge),
        own_schedule=own_schedule,
        select=select if isinstance(select, int) else None,
        goals=goals,
        keys=keys_of(challenge),
    )


def _goal(
    place: Place,
    goal: object,
    challenge_id: str | None,
    schedule_of_challenge: TextDraft | None,
    *,
    in_pool: bool,
) -> GoalDraft:
    own_schedule = placed_text(place, goal, "schedule")
    content = goal if isinstance(goal, dict) else {}
    return GoalDraft(
        place,
        id=text_of(goal, "id"),
        content=content,
        challenge_id=challenge_id,
        source=text_of(goal, "source"),
        stat=text_of(goal, "stat"),
        count=text_of(goal, "count"),
        requires=tuple(texts(place, goal, "requires")),
        requires_to_activate=tuple(texts(place, goal, "requires_to_activate")),
        tags=tuple(texts(place, goal, "tags")),
        own_schedule=own_schedule,
        schedule=own_schedule or schedule_of_challenge,
        default_assigned=content.get("default_assigned") is True,
        in_pool=in_pool,
    )


def _board(place: Place, board: object) -> LeaderboardDraft:
    return LeaderboardDraft(
        place,
        id=text_of(board, "id"),
        over=text_of(board, "over"),
        challenge=text_of(board, "challenge"),
        tag=text_of(board, "tag"),
        stat=text_of(board, "stat"),
        count=text_of(board, "count"),
        period=placed_text(place, board, "period"),
        keys=keys_of(board),
    )


def _schedule(place: Place, schedule: object, *, with_text: bool) -> ScheduleDraft:
    values = schedule if isinstance(schedule, dict) else {}
    grace = values.get("claim_grace")
    days = grace.get("days") if isinstance(grace, dict) else None
    return ScheduleDraft(
        place,
        id=text_of(schedule, "id"),
        every=recurring(values.get("every")),
        zone=text_of(schedule, "zone"),
        season=placed_text(place, schedule, "season"),
        claim_grace_days=days if isinstance(days, int) else None,
        is_always_open="window" in values and is_always_open(values["window"]),
        text=schedule_text(schedule) if with_text else None,
        keys=keys_of(schedule),
    )


def _season_run(place: Place, run: object) -> SeasonRunDraft:
    values = run if isinstance(run, dict) else {}
    return SeasonRunDraft(
        place, text_of(run, "id"), moment_or_none(values.get("starts")), moment_or_none(values.get("ends"))
    )
