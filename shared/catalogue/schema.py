"""The schema of a catalogue document: its keys, and the allowed values of each.

Nothing is coerced: `"5"`, `5.0` and `true` are not whole numbers. Rules that relate values to each other are in
`shared.catalogue.rules`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from shared.catalogue.fields import Amount, Description, Form, Id, Meta, Name
from shared.catalogue.outage_forms import Outage
from shared.catalogue.schedule_forms import ScheduleForm, SeasonForm
from shared.catalogue.time_fields import Cooldown, From
from shared.domain.acceptance import ATTRIBUTES_MAX
from shared.domain.draws import NO_REPEAT_MAX, WEIGHT_DEFAULT, WEIGHT_MAX
from shared.domain.goal import AMOUNT_MAX, REPEAT_MAX, Counting, Credit
from shared.domain.pools import REROLLS_MAX
from shared.domain.reward import (
    PRIORITY_DEFAULT,
    PRIORITY_FIRST,
    PRIORITY_LAST,
    REWARDS_MAX,
    TIERS_MAX,
    ClaimMode,
    RewardType,
)

ALL_TIME = "all_time"
"""The period of leaderboards that never restart."""
SELECT_MAX = 100
"""Maximum number of goals of a pool that a player has in a period."""
PREREQUISITES_MAX = 32
TAGS_MAX = 16
CONDITION_VALUES_MAX = 64
"""Maximum number of values that a derived stat allows an attribute to have."""
BRIDGE_DAYS_MAX = 30
MAX_ACTIVE_MAX = 1_000
"""Maximum number of goals that a challenge may allow to be active at once."""

COUNTED_GOALS_MAX = 100
"""Maximum number of goals in the list of a goal over goals. More of them share a challenge or a tag."""


class GoalSource(StrEnum):
    """The things that move a goal, in the words of catalogues."""

    LOGIN = "login"
    STAT = "stat"
    GOALS = "goals"
    POINTS = "points"


# Enumerations are written as text, and a strict field accepts only the enumeration's own members. With `strict=False`
# the text becomes a member; no other spelling is accepted.


class RewardForm(Form):
    """The reward of a completed goal."""

    type: Annotated[RewardType, Field(strict=False)]
    id: Id
    quantity: Amount
    priority: Annotated[int, Field(ge=PRIORITY_FIRST, le=PRIORITY_LAST)] = PRIORITY_DEFAULT
    meta: Meta = Field(default={})
    requires_attribute: Id = ""


class TierForm(Form):
    """One tier of a goal."""

    id: Id
    target: Amount
    reward: RewardForm | None = None
    rewards: Annotated[list[RewardForm], Field(min_length=1, max_length=REWARDS_MAX)] = Field(default=[])
    """Exactly one of the two is present; a rule checks it."""
    points: Annotated[int, Field(ge=0, le=AMOUNT_MAX)] = 0
    meta: Meta = Field(default={})


class GoalForm(Form):
    """One goal."""

    id: Id
    name: Name
    description: Description = ""
    source: Annotated[GoalSource, Field(strict=False)]
    stat: Id = ""
    """Present if and only if `source: stat`; a rule checks it."""
    challenge: Id = ""
    tag: Id = ""
    goals: Annotated[list[Id], Field(min_length=1, max_length=COUNTED_GOALS_MAX)] = Field(default=[])
    """These three are for goals over goals or points; rules check this, and that those alone have no `count`."""
    count: Annotated[Counting | None, Field(strict=False)] = None
    attribute: Id = ""
    """Present if and only if `count: distinct`; a rule checks it."""
    target: Amount | None = None
    at_most: Annotated[int | None, Field(ge=0, le=AMOUNT_MAX)] = None
    """Instead of `target`, if and only if `count: lowest`; a rule checks both."""
    reward: RewardForm | None = None
    rewards: Annotated[list[RewardForm], Field(min_length=1, max_length=REWARDS_MAX)] = Field(default=[])
    tiers: Annotated[list[TierForm], Field(min_length=2, max_length=TIERS_MAX)] = Field(default=[])
    """Exactly one of the three is present; a rule checks it."""
    default_assigned: bool = False
    requires: Annotated[list[Id], Field(max_length=PREREQUISITES_MAX)] = Field(default=[])
    requires_to_activate: Annotated[list[Id], Field(max_length=PREREQUISITES_MAX)] = Field(default=[])
    points: Annotated[int, Field(ge=0, le=AMOUNT_MAX)] = 0
    schedule: Id = ""
    suspended: bool = False
    claim: Annotated[ClaimMode, Field(strict=False)] = ClaimMode.MANUAL
    tags: Annotated[list[Id], Field(max_length=TAGS_MAX)] = Field(default=[])
    weight: Annotated[int, Field(ge=1, le=WEIGHT_MAX)] = WEIGHT_DEFAULT
    hidden: bool = False
    meta: Meta = Field(default={})
    credit: Annotated[Credit, Field(strict=False)] = Credit.EVERYTHING
    bridge_days: Annotated[int, Field(ge=0, le=BRIDGE_DAYS_MAX)] = 0
    """Only with `count: streak`; a rule checks it."""
    repeat: Annotated[int, Field(ge=2, le=REPEAT_MAX)] | None = None
    joins: From | None = Field(default=None, alias="from")
    """Only in a challenge with `select`; a rule checks it."""


class ChallengeOutline(Form):
    """One challenge, whose goals are validated one by one."""

    id: Id
    name: Name
    description: Description = ""
    schedule: Id = ""
    """The schedule of its goals, except of those that name their own."""
    suspended: bool = False
    meta: Meta = Field(default={})
    select: Annotated[int | None, Field(ge=1, le=SELECT_MAX)] = None
    """Makes the challenge a pool. Rules check this, and that the next two come with it."""
    no_repeat: Annotated[int, Field(ge=0, le=NO_REPEAT_MAX)] = 0
    rerolls: Annotated[int, Field(ge=0, le=REROLLS_MAX)] = 0
    max_active: Annotated[int | None, Field(ge=1, le=MAX_ACTIVE_MAX)] = None
    cooldown: Cooldown = 0
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


class SortOrder(StrEnum):
    """The score that is first."""

    DESCENDING = "descending"
    ASCENDING = "ascending"


class Ranks(StrEnum):
    """The ranks of players with the same score."""

    SHARED = "shared"
    STRICT = "strict"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class DerivedStatForm(Form):
    """A stat that counts the events of another one that have certain attributes."""

    id: Id
    base: Id = Field(alias="from")
    where: Annotated[
        dict[Id, Annotated[list[Id], BeforeValidator(_listed), Field(min_length=1, max_length=CONDITION_VALUES_MAX)]],
        Field(min_length=1, max_length=ATTRIBUTES_MAX),
    ]


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
    period: Id = ALL_TIME
    """`ALL_TIME`, one of `shared.catalogue.schedule_building.PERIODS`, or the id of a schedule; a rule checks it."""
    order: Annotated[SortOrder, Field(strict=False)] = SortOrder.DESCENDING
    ranks: Annotated[Ranks, Field(strict=False)] = Ranks.SHARED


class CatalogueOutline(Form):
    """One file, whose entries are validated one by one."""

    challenges: list[Any] = Field(default=[])
    stats: list[Any] = Field(default=[])
    """Further stat codes that are tallied even if no goal uses them yet, and derived stats."""
    leaderboards: list[Any] = Field(default=[])
    schedules: list[Any] = Field(default=[])
    seasons: list[Any] = Field(default=[])
    outages: list[Any] = Field(default=[])


class CatalogueForm(CatalogueOutline):
    """One file: a catalogue, or a part of one."""

    challenges: list[ChallengeForm] = Field(default=[])
    stats: list[Id | DerivedStatForm] = Field(default=[])
    leaderboards: list[LeaderboardForm] = Field(default=[])
    schedules: list[ScheduleForm] = Field(default=[])
    seasons: list[SeasonForm] = Field(default=[])
    outages: list[Outage] = Field(default=[])
