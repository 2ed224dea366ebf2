"""The naive rules of goals with several steps: each is completed at a multiple of the target, or at a tier's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.errors import AlreadyClaimed, ChallengeError, GoalInactive, GoalLocked, GoalNotCompleted
from shared.domain.events import Event, Verdict
from shared.domain.goal import REPEAT_MAX, Goal
from shared.domain.instant import Instant
from shared.domain.progress import GoalState
from shared.domain.reward import ClaimMode
from tests.support.naive_events import Place
from tests.support.naive_model import NaiveModel

Occurrence = tuple[str, str, Instant, int]
"""A player, a goal, the start of a period, and which completion of the goal in it, from 1."""
RepeatStatus = tuple[bool, bool, GoalState, int, int, int]
"""Active, locked, state, progress, current occurrence, and the first one with a reward to claim."""


class RepeatingModel(NaiveModel):
    """The expected behaviour of goals that repeat, without automatic claims."""

    def __init__(self, catalogue: Catalogue, now: Instant) -> None:
        super().__init__(catalogue, now)
        self.occurrences: set[Occurrence] = set()
        self.taken: set[Occurrence] = set()
        self.earned: dict[Occurrence, int] = {}
        """The points of each occurrence when it was stored."""

    def report(self, events: Sequence[Event]) -> list[Verdict]:
        """Apply events. They complete all occurrences that they bring to their targets."""
        before = list(self.events.values())
        verdicts = super().report(events)
        for event in events:
            for goal in self.goals:
                start = self._counted_start(event.user_id, goal, event.time)
                if goal.stat == event.stat and self.is_active(event.user_id, goal) and not goal.suspended:
                    place = (event.user_id, goal.id, start)
                    self._store(place, self._reached(place) - self._reached(place, before))
        return verdicts

    def set_active(self, user_id: str, goal: Goal, active: bool) -> None:
        """Activate or deactivate a goal. What is shown as completed before or after, stays completed."""
        if self.is_active(user_id, goal) == active:
            return
        place, progress, seen = self._current(user_id, goal), self.repeat_status(user_id, goal)[3], set[int]()
        for chosen in (not active, active):
            self.chosen[user_id, goal.id] = chosen
            seen |= self._seen(place)
        for frozen in [each for each in self.frozen if each[:2] == place[:2]]:
            del self.frozen[frozen]
        self.frozen[place] = progress
        self._store(place, seen)

    def take(self, user_id: str, goal: Goal) -> type[ChallengeError] | tuple[Instant, int]:
        """Claim the first reward; return the error if that is refused, else the period's start and the occurrence."""
        place = self._current(user_id, goal)
        since = self.now + 1 if place[2] is None else place[2]
        past = {key[:3] for key in self.occurrences if key[:2] == place[:2] and key[2] < since and self._lasts(key[:3])}
        if past and not self._seen(place):
            place = max(past)
        seen = self._seen(place)
        unclaimed = seen - self._claimed(place)
        if seen and not unclaimed:
            return AlreadyClaimed
        if not self.is_active(user_id, goal):
            return GoalInactive
        if place[2] is None or not seen:
            return GoalNotCompleted
        if self._is_locked(user_id, goal, place[2]):
            return GoalLocked
        first = min(unclaimed)
        self._store(place, {first})
        self.taken.add((*place[:2], place[2], first))
        return place[2], first

    def undo(self, user_id: str, goal: Goal) -> Occurrence | None:
        """Refund the claim of the newest period and occurrence, and return it; None if there is none."""
        claimed = max((key for key in self.taken if key[:2] == (user_id, goal.id)), default=None)
        if claimed is not None:
            self.taken.discard(claimed)
        return claimed

    def claimable(self, user_id: str) -> set[Occurrence]:
        """Return what the player can claim, in the current periods and in past ones."""
        found: set[Occurrence] = set()
        for goal in self.goals:
            current = self._current(user_id, goal)
            places = {key[:3] for key in self.occurrences if key[:2] == current[:2] and key[2] <= self.now}
            for place in {current, *filter(self._lasts, places)}:
                start = place[2]
                if start is not None and self.is_active(user_id, goal) and not self._is_locked(user_id, goal, start):
                    found |= {(*place[:2], start, each) for each in self._seen(place) - self._claimed(place)}
        return found

    def take_automatically(self) -> None:
        """Claim what is claimed without a call, of all that is completed."""
        for user_id, goal_id, start, occurrence in self.occurrences:
            goal = self.by_id[goal_id]
            met = all(
                any(
                    (user_id, required.id) == key[:2] and (start == key[2] or goal.schedule != required.schedule)
                    for key in self.occurrences
                )
                for required in map(self.by_id.__getitem__, goal.requires)
            )
            if goal.claim_mode is ClaimMode.AUTO and not goal.suspended and met:
                self.taken.add((user_id, goal_id, start, occurrence))

    def repeat_status(self, user_id: str, goal: Goal) -> RepeatStatus:
        """Return the status in the current period."""
        place = self._current(user_id, goal)
        seen, active = self._seen(place), self.is_active(user_id, goal)
        last, unclaimed = max(seen, default=0), seen - self._claimed(place)
        progress, steps = goal.target, len(goal.tiers) or goal.repeat
        if last < steps:
            earlier = 0 if goal.tiers else last * goal.target
            shown = self._shown(*place) - earlier if active else self.frozen.get(place, 0)
            progress = max(0, min(shown, goal.target))
        if unclaimed:
            state = GoalState.COMPLETED
        elif last == steps:
            state = GoalState.CLAIMED
        else:
            state = GoalState.IN_PROGRESS if progress or last else GoalState.NOT_STARTED
        repeats = steps > 1
        locked = self._is_locked(user_id, goal, place[2])
        current = min(last + 1, steps)
        return active, locked, state, progress, current, min(unclaimed) if unclaimed and repeats else 0

    def _store(self, place: Place, occurrences: set[int]) -> None:
        if place[2] is not None:
            goal = self.by_id[place[1]]
            for each in occurrences:
                points = goal.tiers[each - 1].points if goal.tiers else goal.points
                self.earned.setdefault((*place[:2], place[2], each), points)
            self.occurrences = set(self.earned)
            self.completed |= {key[:3] for key in self.occurrences}

    def _reached(self, place: Place, among: Sequence[Event] | None = None) -> set[int]:
        goal = self.by_id[place[1]]
        judged = self._judged(*place, among=among)
        if goal.tiers:
            return {number for number, tier in enumerate(goal.tiers, 1) if tier.target <= judged}
        return set(range(1, min(judged // goal.target, goal.repeat) + 1))

    def points(self, occurrences: Iterable[Occurrence]) -> int:
        """Return the points of these occurrences."""
        return sum(self.earned[each] for each in occurrences)

    def _seen(self, place: Place) -> set[int]:
        """Return the completed occurrences, stored or satisfied without being stored in the current period."""
        user_id, goal_id, _ = place
        goal = self.by_id[goal_id]
        steps = len(goal.tiers) or REPEAT_MAX
        # A tier that the catalogue does not have any more is not shown.
        seen = {key[3] for key in self.occurrences if key[:3] == place and key[3] <= steps}
        satisfied = place == self._current(user_id, goal) and self.is_active(user_id, goal) and not goal.suspended
        return seen | self._reached(place) if satisfied else seen

    def _claimed(self, place: Place) -> set[int]:
        return {key[3] for key in self.taken if key[:3] == place}

    def _is_completed(self, key: Place) -> bool:
        return bool(self._seen(key))
