"""A player's progress on a goal: one pure function, used by lists, claims, activation and the flush."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import IntEnum, auto
from types import MappingProxyType
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Counting, Goal, Stat
from shared.domain.instant import LIFETIME_START, Instant, Period
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.schedules import LIFETIME
from shared.domain.tally import Measures


class GoalState(IntEnum):
    """The state of a goal for a player, derived from progress and completion and never stored."""

    NOT_STARTED = auto()
    IN_PROGRESS = auto()
    COMPLETED = auto()
    CLAIMED = auto()


class TallyView(NamedTuple):
    """The parts of a stored tally that progress needs: its measures and the newest value."""

    measures: Measures
    latest: int | None = None


class Assignment(NamedTuple):
    """The player's own choice for a goal. Without one the catalogue's default applies."""

    active: bool
    active_since: Instant | None
    """When the goal was last activated; None if it was never activated explicitly."""
    frozen_progress: int = 0
    """The progress shown when the goal was deactivated."""
    frozen_period_start: Instant | None = None
    """Start of the period that the frozen progress belongs to; None for the lifetime. In other periods it is 0."""


class Completion(NamedTuple):
    """A stored completion; it is never removed."""

    complete_time: Instant | None
    """None if the target was already reached when the goal became active."""
    claim_time: Instant | None = None


class PlayerView(NamedTuple):
    """Everything stored about a player that goal status depends on, from one read as of one instant."""

    tallies: Mapping[Stat, TallyView]
    assignments: Mapping[str, Assignment]
    """By goal id; only goals the player has chosen to activate or deactivate."""
    completions: Mapping[str, Completion]
    """By goal id; of a goal with a schedule only the completion of the current period."""
    period_tallies: Mapping[tuple[Stat, str], TallyView] = MappingProxyType({})
    """Tallies of the current periods, by stat and schedule text."""
    periods: Mapping[str, Period] = MappingProxyType({})
    """The periods that are shown in this view, by schedule text. Where a season leaves none, it is missing."""
    ended: frozenset[str] = frozenset()
    """Texts of schedules whose shown period is over. In it only stored completions count."""
    ever: frozenset[str] = frozenset()
    """Goals that goals of another schedule require, and that are completed in any period of theirs."""

    zones: Zones = NO_ZONES
    """The zones that the player has named; read only if a schedule depends on them."""
    selected: frozenset[str] = frozenset()
    """The goals of pools that the player has in the periods of this view."""

    def period_of(self, goal: Goal) -> Period | None:
        """Return the goal's current period; None between two periods of its schedule."""
        text = goal.schedule.text
        return _LIFETIME_PERIOD if text == _LIFETIME else self.periods.get(text)

    def tally_of(self, goal: Goal) -> TallyView | None:
        """Return the tally of the goal's current period; None if it has none."""
        text = goal.schedule.text
        return self.tallies.get(goal.stat) if text == _LIFETIME else self.period_tallies.get((goal.stat, text))


_LIFETIME = LIFETIME.text
_LIFETIME_PERIOD = Period(LIFETIME_START, None)


class GoalStatus(NamedTuple):
    """The status of one goal for one player."""

    active: bool
    locked: bool
    state: GoalState
    progress: int
    """0 to the goal's target."""
    assign_time: Instant | None
    complete_time: Instant | None
    claim_time: Instant | None

    @property
    def completed(self) -> bool:
        """True if the target was reached while the goal was active, claimed or not."""
        return self.state is GoalState.COMPLETED or self.state is GoalState.CLAIMED


def is_active(
    goal: Goal,
    assignment: Assignment | None,
    completion: Completion | None,
    selected: Collection[str] = frozenset(),
) -> bool:
    """Return True if the goal is active for the player. `selected` are the goals of pools that the player has.

    The player's own choice wins over the catalogue's default. A completed goal that is no longer assigned by default,
    or that its pool no longer gives the player, stays active, so that its reward can still be claimed.
    """
    if goal.in_pool:
        return completion is not None or goal.id in selected
    if assignment is not None:
        return assignment.active
    return goal.default_assigned or completion is not None


def shown_measure(goal: Goal, tally: TallyView | None) -> int:
    """Return the measure shown to players, which can decrease only for `latest`."""
    if tally is None:
        return 0
    if goal.counting is _LATEST:
        return tally.latest or 0
    return tally.measures.judged_by(goal.counting)


def _frozen_progress(assignment: Assignment | None, period: Period | None) -> int:
    if assignment is None or period is None:
        return 0
    start = assignment.frozen_period_start
    return assignment.frozen_progress if period.start == (LIFETIME_START if start is None else start) else 0


def is_completed(goal: Goal, view: PlayerView) -> bool:
    """Return True if a completion is stored, or the goal is active and the tally reaches its target.

    A suspended goal is completed only if a completion is stored.
    """
    if goal.id in view.completions:
        return True
    return is_active(goal, view.assignments.get(goal.id), None, view.selected) and _is_reached(
        goal, view.tally_of(goal), view
    )


def was_ever_completed(goal: Goal, view: PlayerView) -> bool:
    """Return True if the goal is completed in the current period or was in any other."""
    return goal.id in view.ever or is_completed(goal, view)


def is_met(goal: Goal, required: Goal, view: PlayerView) -> bool:
    """Return True if a goal that `goal` requires is completed: of its own schedule in the period, of others ever."""
    return is_completed(required, view) or (required.id in view.ever and required.schedule != goal.schedule)


def is_locked(goal: Goal, view: PlayerView, catalogue: Catalogue) -> bool:
    """Return True if a goal that `goal` requires is not completed."""
    return not all(is_met(goal, catalogue.goals[other], view) for other in goal.requires)


def _is_reached(goal: Goal, tally: TallyView | None, view: PlayerView) -> bool:
    """Return True if the tally reaches the target, and that completes the goal."""
    if tally is None or tally.measures.judged_by(goal.counting) < goal.target:
        return False
    return not goal.suspended and goal.schedule.text not in view.ended


def goal_status(goal: Goal, view: PlayerView, catalogue: Catalogue) -> GoalStatus:
    """Return the goal's status for the player. Prerequisites are evaluated in the same view."""
    assignment = view.assignments.get(goal.id)
    completion = view.completions.get(goal.id)
    active = is_active(goal, assignment, completion, view.selected)
    complete_time = claim_time = tally = None
    if completion is not None:
        complete_time, claim_time = completion
    elif active:
        tally = view.tally_of(goal)
    if completion is not None or _is_reached(goal, tally, view):
        state = _COMPLETED if claim_time is None else _CLAIMED
        progress = goal.target
    else:
        shown = shown_measure(goal, tally) if active else _frozen_progress(assignment, view.period_of(goal))
        progress = max(0, min(shown, goal.target)) if shown else 0
        state = _IN_PROGRESS if progress else _NOT_STARTED
    locked = bool(goal.requires) and is_locked(goal, view, catalogue)
    assign_time = assignment.active_since if assignment is not None else None
    return _status(GoalStatus, (active, locked, state, progress, assign_time, complete_time, claim_time))


# A list computes hundreds of statuses. In Python 3.11 an enum member is looked up by a descriptor, and a named tuple is
# created by a Python function: together they would cost as much as everything else.
_NOT_STARTED, _IN_PROGRESS, _COMPLETED, _CLAIMED = GoalState
_LATEST = Counting.LATEST
_status: Callable[[type[GoalStatus], tuple[object, ...]], GoalStatus] = tuple.__new__
