"""What a script is made of: what the player does, and what the services have to make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something in the game that becomes an event. The same happening is the same event, however often it is sent."""

    name: str
    """Becomes the event's id."""
    stat: str | None = None
    """None: a login."""
    delta: int | None = None
    value: int | None = None
    days_ago: int = 0


@dataclass(frozen=True)
class Step:
    """One call. `{goal}` in a caption stands for the name of the goal that the step is about."""

    caption: str
    moves: Mapping[str, int] = field(default_factory=dict, kw_only=True)
    """The goals whose shown progress changes, by id, and what it changes to. No other goal moves."""


@dataclass(frozen=True)
class Initialize(Step):
    """Stores the player; all default goals are active then."""


@dataclass(frozen=True)
class ListActive(Step):
    """Lists the active goals."""


@dataclass(frozen=True)
class Report(Step):
    """Reports events in one call: `ReportEvent` for one, `ReportEvents` for several."""

    events: Sequence[Happening]
    again: bool = field(default=False, kw_only=True)
    """They were reported before, and must not count a second time."""


@dataclass(frozen=True)
class Activate(Step):
    """Activates a goal that is not active."""

    goal_id: str


@dataclass(frozen=True)
class Claim(Step):
    """Claims a goal's reward."""

    goal_id: str
    request_id: str = field(default="", kw_only=True)
    again: bool = field(default=False, kw_only=True)
    """It was claimed before under this `request_id`: the answer must be the same grant."""
    refused: str = field(default="", kw_only=True)
    """The reason with which the claim must be refused. Empty: it is granted."""
    wait_s: float = field(default=0.0, kw_only=True)
    """How long to wait until the reward has reached the player; at most 10 seconds."""


@dataclass(frozen=True)
class ReadStatistics(Step):
    """Reads the statistics, which must tell of every goal that was completed and every reward that was claimed."""

    points: int
    """What they must come to."""
    login_streak: int
    """In days."""


@dataclass(frozen=True)
class ReadRank(Step):
    """Reads where the player stands on a leaderboard. There may be no ranking yet that knows the player."""

    leaderboard_id: str


@dataclass(frozen=True)
class Chapter:
    """Steps that belong together."""

    title: str
    steps: Sequence[Step]

    def goal_ids(self) -> frozenset[str]:
        """Every goal that the chapter names."""
        about = {step.goal_id for step in self.steps if isinstance(step, Activate | Claim)}
        return frozenset(about.union(*(step.moves for step in self.steps)))
