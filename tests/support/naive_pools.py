"""A naive model of one pool: it keeps every distinct event and every reroll, and recomputes everything from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.domain.catalogue import Challenge
from shared.domain.errors import ChallengeError, GoalCompleted, GoalInactive, NothingToDraw, RerollsSpent
from shared.domain.events import Event
from shared.domain.goal import Counting, Goal
from shared.domain.instant import DAY, Instant

Key = tuple[str, Instant]
"""A player and the start of a day."""
Completed = tuple[str, str, Instant]
"""A player, a goal, and the start of the day in which it is completed."""


@dataclass
class NaivePool:
    """The expected behaviour of a pool whose periods are days of UTC, for any number of players."""

    challenge: Challenge
    order: Callable[[str, Instant], Sequence[str]]
    """Returns all goals in the order of a player's draw for a day."""
    events: dict[tuple[str, str, int], Event] = field(default_factory=dict)
    replaced: dict[Key, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    """The goals that were replaced, each with the one that came for it."""

    def report(self, events: Sequence[Event]) -> set[Completed]:
        """Apply events, and return what they complete; of those with the same player, id and day the first counts."""
        before = self.completed()
        for event in events:
            self.events.setdefault((event.user_id, event.event_id, event.time // DAY), event)
        return self.completed() - before

    def completed(self) -> set[Completed]:
        """Return everything that is completed: players have reached the targets of goals that they have."""
        days = {(event.user_id, event.time // DAY * DAY) for event in self.events.values()}
        return {
            (user_id, goal.id, start)
            for user_id, start in days
            for goal in self.challenge.goals
            if goal.id in self.selection(user_id, start) and self.measure(goal, user_id, start) >= goal.target
        }

    def selection(self, user_id: str, start: Instant) -> list[str]:
        """Return the goals that a player has: the first ones of the draw, with every replacement made in its place."""
        assert self.challenge.pool is not None
        found = list(self.order(user_id, start))[: self.challenge.pool.select]
        for gone, come in self.replaced[user_id, start]:
            found[found.index(gone)] = come
        return found

    def reroll(self, user_id: str, goal: Goal, start: Instant) -> type[ChallengeError] | str:
        """Replace a goal, and return the one that comes for it; return the error if it is refused."""
        assert self.challenge.pool is not None
        selection, order = self.selection(user_id, start), list(self.order(user_id, start))
        if goal.id not in selection:
            return GoalInactive
        if len(self.replaced[user_id, start]) >= self.challenge.pool.rerolls:
            return RerollsSpent
        if self.measure(goal, user_id, start) >= goal.target:
            return GoalCompleted
        goals = {each.id: each for each in self.challenge.goals}
        open_goals = [
            each
            for each in order
            if each not in selection and self.measure(goals[each], user_id, start) < goals[each].target
        ]
        offered = max(map(order.index, selection))
        for each in sorted(open_goals, key=lambda each: (order.index(each) < offered, order.index(each))):
            self.replaced[user_id, start].append((goal.id, each))
            return each
        return NothingToDraw

    def measure(self, goal: Goal, user_id: str, start: Instant) -> int:
        """Return what a player has reached on a day, whether the player has the goal or not."""
        counted = [
            event
            for event in self.events.values()
            if (event.user_id, event.stat) == (user_id, goal.stat) and event.time // DAY * DAY == start
        ]
        match goal.counting:
            case Counting.SUM:
                return sum(event.delta or 0 for event in counted)
            case Counting.EVENTS:
                return len(counted)
            case _:
                return max((event.value for event in counted if event.value is not None), default=0)
