"""A naive model of the rules: it keeps every distinct event and recomputes everything from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from shared.domain.catalogue import Catalogue, Counting, Goal
from shared.domain.errors import AlreadyClaimed, ChallengeError, GoalInactive, GoalLocked, GoalNotCompleted
from shared.domain.events import Event, Verdict
from shared.domain.instant import DAY
from shared.domain.progress import GoalState


class NaiveModel:
    """The expected behaviour of the system, for any number of players."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.goals = tuple(catalogue.goals.values())
        self.events: dict[tuple[str, str, int], Event] = {}
        self.chosen: dict[tuple[str, str], bool] = {}
        self.frozen: dict[tuple[str, str], int] = {}
        self.completed: set[tuple[str, str]] = set()
        self.claimed: set[tuple[str, str]] = set()
        self.adjusted: Counter[str] = Counter()

    def report(self, events: Sequence[Event]) -> list[Verdict]:
        """Apply events; of those with the same player, id and day only the first counts."""
        verdicts = []
        for event in events:
            key = (event.user_id, event.event_id, event.time // DAY)
            verdicts.append(Verdict.DUPLICATE if key in self.events else Verdict.APPLIED)
            self.events.setdefault(key, event)
        self._complete(event.user_id for event in events)
        return verdicts

    def set_active(self, user_id: str, goal: Goal, active: bool) -> None:
        """Activate or deactivate a goal; nothing changes if it is already set."""
        if self.is_active(user_id, goal) == active:
            return
        shown = self.status(user_id, goal)[3]
        self.chosen[user_id, goal.id] = active
        self.frozen[user_id, goal.id] = shown
        self._complete([user_id])

    def claim(self, user_id: str, goal: Goal) -> type[ChallengeError] | None:
        """Claim the reward; return the error if the claim is refused, else None."""
        active, locked, state, _ = self.status(user_id, goal)
        if state is GoalState.CLAIMED:
            return AlreadyClaimed
        if not active:
            return GoalInactive
        if state is not GoalState.COMPLETED:
            return GoalNotCompleted
        if locked:
            return GoalLocked
        self.claimed.add((user_id, goal.id))
        return None

    def status(self, user_id: str, goal: Goal) -> tuple[bool, bool, GoalState, int]:
        """Return active, locked, state and progress."""
        active = self.is_active(user_id, goal)
        locked = any((user_id, required) not in self.completed for required in goal.requires)
        if (user_id, goal.id) in self.claimed:
            return active, locked, GoalState.CLAIMED, goal.target
        if (user_id, goal.id) in self.completed:
            return active, locked, GoalState.COMPLETED, goal.target
        shown = self._shown(user_id, goal) if active else self.frozen.get((user_id, goal.id), 0)
        progress = max(0, min(shown, goal.target))
        return active, locked, GoalState.IN_PROGRESS if progress else GoalState.NOT_STARTED, progress

    def reached(self, user_id: str) -> tuple[int, int, int]:
        """Return the numbers of completed goals and claimed rewards, and the points."""
        completed = [goal for goal in self.goals if (user_id, goal.id) in self.completed]
        claimed = sum((user_id, goal.id) in self.claimed for goal in completed)
        return len(completed), claimed, sum(goal.points for goal in completed) + self.adjusted[user_id]

    def is_active(self, user_id: str, goal: Goal) -> bool:
        return self.chosen.get((user_id, goal.id), goal.default_assigned)

    def _complete(self, user_ids: Iterable[str]) -> None:
        for user_id in set(user_ids):
            for goal in self.goals:
                if self.is_active(user_id, goal) and self._judged(user_id, goal) >= goal.target:
                    self.completed.add((user_id, goal.id))

    def _judged(self, user_id: str, goal: Goal) -> int:
        counted = self._counted(user_id, goal)
        match goal.counting:
            case Counting.SUM:
                return min(2**62, sum(event.delta or 0 for event in counted))
            case Counting.EVENTS:
                return len(counted)
            case Counting.DAYS:
                return len({event.time // DAY for event in counted})
            case Counting.LATEST | Counting.HIGHEST:
                return max((event.value for event in counted if event.value is not None), default=0)

    def _shown(self, user_id: str, goal: Goal) -> int:
        if goal.counting is not Counting.LATEST:
            return self._judged(user_id, goal)
        with_value = [(event.time, event.value) for event in self._counted(user_id, goal) if event.value is not None]
        return max(with_value, default=(0, 0))[1]

    def _counted(self, user_id: str, goal: Goal) -> list[Event]:
        return [event for event in self.events.values() if event.user_id == user_id and event.stat == goal.stat]
