"""A player's progress on a goal: one pure function, used by lists, claims, activation and the flush."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache

from shared.domain.catalogue import Catalogue
from shared.domain.goal import TURNING_POINT, Counting, Goal
from shared.domain.goal_status import GoalState, GoalStatus
from shared.domain.instant import LIFETIME_START, Period
from shared.domain.player_view import Assignment, Completion, PlayerView, TallyView
from shared.domain.rewards import RewardsStatus, rewards_status

__all__ = ["Assignment", "Completion", "GoalState", "GoalStatus", "PlayerView", "TallyView"]


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
    """Return the measure shown to players, which can decrease only for `latest`; 1 or 0 for `lowest`."""
    if tally is None:
        return 0
    if goal.counting is _LATEST:
        return tally.latest or 0
    if goal.at_most is not None:
        return int(tally.measures.judged_by(goal.counting) >= goal.threshold)
    return tally.measures.judged_by(goal.counting)


def best_value(goal: Goal, view: PlayerView) -> int | None:
    """Return the lowest value in the current period of a goal that asks for one; None while there is none."""
    tally = view.tally_of(goal) if goal.at_most is not None else None
    if tally is None or tally.measures.highest is None:
        return None
    return TURNING_POINT - tally.measures.highest


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
    if tally is None or tally.measures.judged_by(goal.counting) < goal.threshold:
        return False
    return not goal.suspended and goal.schedule.text not in view.ended


def completed_occurrences(goal: Goal, view: PlayerView) -> dict[int, Completion]:
    """Return the completions that the view shows of the goal, stored or not, by occurrence in ascending order."""
    stored = view.occurrences_of(goal)
    reached = _reached_occurrences(goal, view)
    return {each: stored.get(each, _NOT_STORED) for each in sorted(stored.keys() | range(1, reached + 1))}


def _reached_occurrences(goal: Goal, view: PlayerView) -> int:
    """Return the number of occurrences whose target the tally reaches, and which that completes."""
    tally = view.tally_of(goal)
    if tally is None or not is_active(goal, view.assignments.get(goal.id), None, view.selected):
        return 0
    if not _is_reached(goal, tally, view):
        return 0
    return 1 if goal.steps == 1 else goal.steps_reached(tally.measures.judged_by(goal.counting))


def _stepped_status(goal: Goal, view: PlayerView, catalogue: Catalogue) -> GoalStatus:
    """Return the status of a goal that repeats or has tiers."""
    assignment = view.assignments.get(goal.id)
    active = is_active(goal, assignment, view.completions.get(goal.id), view.selected)
    stored, tally, is_plain = view.occurrences_of(goal), view.tally_of(goal), goal.has_plain_reward
    last, reached = max(stored) if stored else 0, 0
    # Nearly always everything that is reached is stored.
    if tally is not None and (
        last > len(stored)
        or (last < goal.steps and tally.measures.judged_by(goal.counting) >= goal.target_of(last + 1))
    ):
        reached = _reached_occurrences(goal, view)
        last = max(reached, last)
    claimable, shown_completion = 0, _NOT_STORED
    for each in range(1, last + 1):
        completion = stored.get(each)
        if completion is None:
            if each > reached:
                continue
            completion = _NOT_STORED
        _, claim_time, claimed = completion
        if claim_time is None if is_plain and claimed is None else _can_be_claimed(goal, each, completion, view):
            claimable, shown_completion = each, completion
            break
    continues, progress = last < goal.steps, goal.target
    if continues:
        if active:
            # A tier shows the whole progress, an occurrence what exceeds the one before.
            shown = shown_measure(goal, tally) - (0 if goal.tiers else last * progress)
        else:
            shown = _frozen_progress(assignment, view.period_of(goal))
        progress = 0 if shown <= 0 else min(shown, progress)
    if claimable:
        state = _COMPLETED
    elif not continues:
        shown_completion = stored.get(last, _NOT_STORED)
        state = _COMPLETED if shown_completion.claim_time is None else _CLAIMED
    else:
        state = _IN_PROGRESS if progress or last else _NOT_STARTED
    locked = bool(goal.requires) and is_locked(goal, view, catalogue)
    assign_time = assignment.active_since if assignment is not None else None
    complete_time, claim_time, _ = shown_completion
    occurrence, rewards = last + 1 if continues else goal.steps, None
    if not is_plain and (claimable or not continues):
        rewards = rewards_status(goal.rewards_of(claimable or last), shown_completion, view.attributes)
    times = (assign_time, complete_time, claim_time)
    return _status(GoalStatus, (active, locked, state, progress, *times, occurrence, claimable, continues, rewards))


def _can_be_claimed(goal: Goal, occurrence: int, completion: Completion, view: PlayerView) -> bool:
    return rewards_status(goal.rewards_of(occurrence), completion, view.attributes).is_open


def completed_state(
    goal: Goal, completion: Completion, view: PlayerView, occurrence: int = 1
) -> tuple[GoalState, RewardsStatus | None]:
    """Return the state of a goal with this completion, and that of its rewards unless it has one for everybody.

    It is claimed once nothing can be claimed and something is. What is withheld can be claimed later.
    """
    if completion.claimed is None and goal.has_plain_reward:
        return _COMPLETED if completion.claim_time is None else _CLAIMED, None
    rewards = rewards_status(goal.rewards_of(occurrence), completion, view.attributes)
    state = _COMPLETED if rewards.is_open or completion.claim_time is None else _CLAIMED
    return state, None if goal.has_plain_reward else rewards


def tier_states(goal: Goal, view: PlayerView, status: GoalStatus) -> Sequence[GoalState]:
    """Return the states of a goal's tiers. `status` is the goal's in the view."""
    stored, is_plain = view.occurrences_of(goal), goal.has_plain_reward
    last = status.occurrence - 1 if status.continues else goal.steps
    begun = status.continues and status.progress > 0
    if is_plain and len(stored) == last:
        # Nearly always all steps up to the last one are stored.
        claimed_steps = 0
        for number, (_, claim_time, claimed) in stored.items():
            if claimed is not None:
                break
            if claim_time is not None:
                claimed_steps |= 1 << number
        else:
            return _plain_tier_states(goal.steps, last, claimed_steps, begun)
    reached = 0 if len(stored) == last else _reached_occurrences(goal, view)
    states = [_NOT_STARTED] * goal.steps
    for number in range(1, last + 1):
        completion = stored.get(number)
        if completion is None:
            if number <= reached:
                states[number - 1] = _COMPLETED
        elif is_plain and completion.claimed is None:
            states[number - 1] = _COMPLETED if completion.claim_time is None else _CLAIMED
        else:
            states[number - 1] = completed_state(goal, completion, view, number)[0]
    if begun:
        states[last] = _IN_PROGRESS
    return states


@lru_cache(1_024)
def _plain_tier_states(steps: int, last: int, claimed_steps: int, begun: bool) -> Sequence[GoalState]:
    """Return the states of tiers that are completed up to `last`, and claimed by the bits `claimed_steps`."""
    states = [_CLAIMED if claimed_steps >> number & 1 else _COMPLETED for number in range(1, last + 1)]
    begins = [_IN_PROGRESS] if begun else []
    return (*states, *begins, *[_NOT_STARTED] * (steps - last - begun))


def goal_status(goal: Goal, view: PlayerView, catalogue: Catalogue) -> GoalStatus:
    """Return the goal's status for the player. Prerequisites are evaluated in the same view."""
    if goal.steps > 1 or goal.tiers:
        return _stepped_status(goal, view, catalogue)
    assignment = view.assignments.get(goal.id)
    completion = view.completions.get(goal.id)
    active = is_active(goal, assignment, completion, view.selected)
    complete_time = claim_time = tally = None
    rewards = None
    if completion is not None:
        complete_time, claim_time, _ = completion
        state, rewards = completed_state(goal, completion, view)
        progress = goal.target
    elif active and _is_reached(goal, tally := view.tally_of(goal), view):
        state, rewards = completed_state(goal, _NOT_STORED, view)
        progress = goal.target
    else:
        shown = shown_measure(goal, tally) if active else _frozen_progress(assignment, view.period_of(goal))
        progress = max(0, min(shown, goal.target)) if shown else 0
        state = _IN_PROGRESS if progress else _NOT_STARTED
    locked = bool(goal.requires) and is_locked(goal, view, catalogue)
    assign_time = assignment.active_since if assignment is not None else None
    times = (assign_time, complete_time, claim_time)
    return _status(GoalStatus, (active, locked, state, progress, *times, 1, 0, False, rewards))


# A list computes hundreds of statuses. In Python 3.11 an enum member is looked up by a descriptor, and a named tuple is
# created by a Python function: together they would cost as much as everything else.
_NOT_STARTED, _IN_PROGRESS, _COMPLETED, _CLAIMED = GoalState
_LATEST = Counting.LATEST
_NOT_STORED = Completion(None)
_status: Callable[[type[GoalStatus], tuple[object, ...]], GoalStatus] = tuple.__new__
