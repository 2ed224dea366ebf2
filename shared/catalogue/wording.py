"""Schema problems, in words for authors of catalogues rather than Python programmers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from shared.catalogue.document import Document, Location, Place
from shared.catalogue.fields import Id
from shared.catalogue.outage_forms import OutageForm
from shared.catalogue.problem import Problem
from shared.catalogue.schedule_forms import ScheduleForm, SeasonForm
from shared.catalogue.schema import (
    CatalogueForm,
    CatalogueOutline,
    ChallengeOutline,
    DerivedStatForm,
    GoalForm,
    LeaderboardForm,
)
from shared.catalogue.time_fields import Date

_WORDS = {
    "bool_type": "must be true or false",
    "enum": "must be {expected}",
    "extra_forbidden": "is not a known key",
    "greater_than_equal": "must be at least {ge}",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "missing": "is required",
    "model_type": "must be a mapping",
    "string_type": "must be text",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
}
"""Texts by pydantic's error type. Types that are not listed are our own and carry their text."""

_CATALOGUE = TypeAdapter(CatalogueOutline)
_CHALLENGE = TypeAdapter(ChallengeOutline)
_GOAL = TypeAdapter(GoalForm)
_STAT: TypeAdapter[str] = TypeAdapter(Id, config=ConfigDict(strict=True))
_DERIVED_STAT = TypeAdapter(DerivedStatForm)
_LEADERBOARD = TypeAdapter(LeaderboardForm)
_SCHEDULE = TypeAdapter(ScheduleForm)
_SEASON = TypeAdapter(SeasonForm)
_OUTAGE = TypeAdapter(OutageForm)
_OUTAGE_DAY: TypeAdapter[int] = TypeAdapter(Date)


def form_of(document: Document) -> CatalogueForm:
    """Return the content of a document without schema problems."""
    return CatalogueForm.model_validate(document.value)


def schema_problems(document: Document) -> Iterator[Problem]:
    """Yield the places where the document does not match the schema.

    Its parts are validated one by one, because pydantic collects all errors of what it validates: for 16 MB of junk
    these are millions.
    """
    for location, adapter, value in _parts(document.value):
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                yield Place(document, location + found["loc"]).problem(_words(found))


def _parts(root: object) -> Iterator[tuple[Location, TypeAdapter[Any], object]]:
    """Yield every part of a document with its place and the form that it must have."""
    yield (), _CATALOGUE, root
    for index, challenge in _entries(root, "challenges"):
        yield ("challenges", index), _CHALLENGE, challenge
        for position, goal in _entries(challenge, "goals"):
            yield ("challenges", index, "goals", position), _GOAL, goal
    for index, stat in _entries(root, "stats"):
        yield ("stats", index), _DERIVED_STAT if isinstance(stat, dict) else _STAT, stat
    for index, leaderboard in _entries(root, "leaderboards"):
        yield ("leaderboards", index), _LEADERBOARD, leaderboard
    for index, schedule in _entries(root, "schedules"):
        yield ("schedules", index), _SCHEDULE, schedule
    for index, season in _entries(root, "seasons"):
        yield ("seasons", index), _SEASON, season
    for index, outage in _entries(root, "outages"):
        yield ("outages", index), _OUTAGE if isinstance(outage, dict) else _OUTAGE_DAY, outage


def _entries(value: object, key: str) -> Iterator[tuple[int, object]]:
    entries = value.get(key) if isinstance(value, dict) else None
    return enumerate(entries) if isinstance(entries, list) else iter(())


def _words(found: ErrorDetails) -> str:
    if found["type"] == "string_type" and isinstance(found["input"], bool | int | float):
        return "must be text: put it in quotes"
    if found["type"] == "too_short" and found["ctx"]["min_length"] == 1:
        return "must have at least 1 entry"
    words = _WORDS.get(found["type"])
    return words.format_map(found.get("ctx", {})) if words is not None else found["msg"]
