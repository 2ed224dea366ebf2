"""The schema of a catalogue document: its keys, and the allowed values of each.

Nothing is coerced: `"5"`, `5.0` and `true` are not whole numbers. Rules that relate values to each other are in
`shared.catalogue.rules`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.domain.acceptance import ID_LENGTH_MAX, id_problem
from shared.domain.catalogue import (
    AMOUNT_MAX,
    PRIORITY_DEFAULT,
    PRIORITY_FIRST,
    PRIORITY_LAST,
    Counting,
    RewardType,
    Source,
)

NAME_LENGTH_MAX = 256
DESCRIPTION_LENGTH_MAX = 2_000
PREREQUISITES_MAX = 32
TAGS_MAX = 16

_LAYOUT = str.maketrans("\n\t", "  ")
"""Control characters that a description may contain."""
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Lone surrogates: JSON can contain them, but protobuf and Postgres cannot."""


def _id(text: str) -> str:
    return _checked(text, _line_problem(text, ID_LENGTH_MAX))


def _name(text: str) -> str:
    return _checked(text, _line_problem(text, NAME_LENGTH_MAX))


def _line_problem(text: str, length_max: int) -> str | None:
    stripped = text.strip("\n")
    if stripped != text and id_problem(stripped, length_max) is None:
        return "begins or ends with a line break: write it on one line, or with >- or |- instead of > or |"
    return id_problem(text, length_max)


def _description(text: str) -> str:
    return _checked(text, id_problem(text.translate(_LAYOUT), DESCRIPTION_LENGTH_MAX) if text else None)


def _checked(text: str, problem: str | None) -> str:
    if _SURROGATE.search(text):
        problem = "is not valid Unicode: half of a surrogate pair"
    if problem is not None:
        raise PydanticCustomError("text", "{problem}", {"problem": problem})
    return text


Id = Annotated[str, AfterValidator(_id)]
Name = Annotated[str, AfterValidator(_name)]
Description = Annotated[str, AfterValidator(_description)]
Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]


class Form(BaseModel):
    """A mapping with exactly these keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


# Enumerations are written as text, and a strict field accepts only the enumeration's own members. With `strict=False`
# the text becomes a member; no other spelling is accepted.


class RewardForm(Form):
    """The reward of a completed goal."""

    type: Annotated[RewardType, Field(strict=False)]
    id: Id
    quantity: Amount
    priority: Annotated[int, Field(ge=PRIORITY_FIRST, le=PRIORITY_LAST)] = PRIORITY_DEFAULT


class GoalForm(Form):
    """One goal."""

    id: Id
    name: Name
    description: Description = ""
    source: Annotated[Source, Field(strict=False)]
    stat: Id = ""
    """Present if and only if `source: stat`; a rule checks it."""
    count: Annotated[Counting, Field(strict=False)]
    target: Amount
    reward: RewardForm
    default_assigned: bool = False
    requires: Annotated[list[Id], Field(max_length=PREREQUISITES_MAX)] = []
    points: Annotated[int, Field(ge=0, le=AMOUNT_MAX)] = 0
    tags: Annotated[list[Id], Field(max_length=TAGS_MAX)] = []


class ChallengeOutline(Form):
    """One challenge, whose goals are validated one by one."""

    id: Id
    name: Name
    description: Description = ""
    goals: Annotated[list[Any], Field(min_length=1)]


class ChallengeForm(ChallengeOutline):
    """One challenge with its goals."""

    goals: Annotated[list[GoalForm], Field(min_length=1)]


class Over(StrEnum):
    """The origin of a leaderboard's scores."""

    POINTS = "points"
    LOGIN = "login"
    STAT = "stat"


class LeaderboardCounting(StrEnum):
    """The countings that never decrease, so that a score is kept once it is reached."""

    SUM = "sum"
    EVENTS = "events"
    HIGHEST = "highest"
    DAYS = "days"


class LeaderboardSchedule(StrEnum):
    """The period after which a leaderboard restarts."""

    ALL_TIME = "all_time"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class SortOrder(StrEnum):
    """The score that is first."""

    DESCENDING = "descending"
    ASCENDING = "ascending"


class Ranks(StrEnum):
    """The ranks of players with the same score."""

    SHARED = "shared"
    STRICT = "strict"


class LeaderboardForm(Form):
    """One leaderboard."""

    id: Id
    name: Name
    description: Description = ""
    over: Annotated[Over, Field(strict=False)]
    challenge: Id = ""
    tag: Id = ""
    """Only with `over: points`, and only one of `challenge` and `tag`; rules check this and the next two."""
    stat: Id = ""
    count: Annotated[LeaderboardCounting | None, Field(strict=False)] = None
    period: Annotated[LeaderboardSchedule, Field(strict=False)] = LeaderboardSchedule.ALL_TIME
    order: Annotated[SortOrder, Field(strict=False)] = SortOrder.DESCENDING
    ranks: Annotated[Ranks, Field(strict=False)] = Ranks.SHARED


class CatalogueOutline(Form):
    """One file, whose entries are validated one by one."""

    challenges: list[Any] = []
    stats: list[Any] = []
    """Further stat codes that are tallied even if no goal uses them yet."""
    leaderboards: list[Any] = []


class CatalogueForm(CatalogueOutline):
    """One file: a catalogue, or a part of one."""

    challenges: list[ChallengeForm] = []
    stats: list[Id] = []
    leaderboards: list[LeaderboardForm] = []
