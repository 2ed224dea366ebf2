"""A naive model of the rules: it keeps every distinct event and recomputes everything from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.errors import AlreadyClaimed, ChallengeError, GoalInactive, GoalLocked, GoalNotCompleted
from shared.domain.events import Event, Verdict
from shared.domain.goal import Counting, Goal
from shared.domain.instant import DAY, Instant
from shared.domain.player_zones import NO_ZONES
from shared.domain.progress import GoalState
from shared.domain.reward import ClaimMode
from tests.support.naive_cascades import Given, counted
from tests.support.naive_counting import latest, sees
from tests.support.naive_events import Completed, NaiveEvents, Place
from tests.support.periods import last_period

Status = tuple[bool, bool, GoalState, int]
"""Active, locked, state and progress."""


class NaiveModel(NaiveEvents):
    """The expected behaviour of the system, for any number of players."""

    def __init__(self, catalogue: Catalogue, now: Instant) -> None:
        super().__init__(catalogue, now)
        self.frozen: dict[Place, int] = {}
        self.completed: set[Completed] = set()
        self.claimed: set[Completed] = set()
        self.ever_claimed: set[Completed] = set()
        self.adjusted: Counter[str] = Counter()
        self.given: list[Given] = []

    def report(self, events: Sequence[Event]) -> list[Verdict]:
        """Apply events; of those with the same player, id and day only the first counts.

        They complete what they bring to its target, in whatever period they happened.
        """
        before, completed_before, verdicts = list(self.events.values()), set(self.completed), []
        for event in events:
            key = (event.user_id, event.event_id, event.time // DAY)
            verdicts.append(Verdict.DUPLICATE if key in self.events else Verdict.APPLIED)
            self.events.setdefault(key, event)
        for event in events:
            for goal in self.goals:
                start = self._counted_start(event.user_id, goal, event.time)
                if start is None:
                    continue
                key_of = (event.user_id, goal.id, start)
                reached = self._judged(*key_of) >= goal.target > self._judged(*key_of, among=before)
                if sees(goal, event) and reached and self.is_active(event.user_id, goal) and not goal.suspended:
                    self.completed.add(key_of)
        self._cascade(completed_before)
        self._claim_unlocked(self.completed - completed_before)
        return verdicts

    def set_active(self, user_id: str, goal: Goal, active: bool) -> None:
        """Activate or deactivate a goal; nothing changes if it is already set."""
        if self.is_active(user_id, goal) == active:
            return
        completed_before = set(self.completed)
        key, shown = self._current(user_id, goal), self.status(user_id, goal)[3]
        was_completed = self._is_completed(key)
        self.choose(user_id, goal, active)
        for frozen in [each for each in self.frozen if each[:2] == key[:2]]:
            del self.frozen[frozen]
        self.frozen[key] = shown
        if key[2] is not None and (was_completed or self._is_completed(key)):
            self.completed.add((*key[:2], key[2]))
        self._cascade(completed_before)
        activated = {each for each in self.completed if active and each[:2] == key[:2]}
        self._claim_unlocked(self.completed - completed_before, activated)

    def claim(self, user_id: str, goal: Goal) -> type[ChallengeError] | Instant:
        """Claim the reward; return the error if the claim is refused, else the start of the period.

        The current period is claimed if the goal is completed in it, else the newest past one.
        """
        current = self._current(user_id, goal)
        since = self.now + 1 if current[2] is None else current[2]
        past = [key for key in self.completed if key[:2] == current[:2] and key[2] < since and self._lasts(key)]
        place = current if self._is_completed(current) or not past else max(past)
        if place in self.claimed:
            return AlreadyClaimed
        if not self.is_active(user_id, goal):
            return GoalInactive
        if place[2] is None or not self._is_completed(place):
            return GoalNotCompleted
        if self._is_locked(user_id, goal, place[2]):
            return GoalLocked
        key = (user_id, goal.id, place[2])
        completed_before = set(self.completed)
        self.completed.add(key)
        self._cascade(completed_before)
        self._claim(key)
        self._claim_unlocked(self.completed - completed_before)
        return key[2]

    def adjust(self, user_id: str, points: int, time: Instant) -> None:
        """Add points by an operator. What they complete is not claimed automatically."""
        given = Given(user_id, points, time)
        self.adjusted[user_id] += points
        self.zones.setdefault(user_id, NO_ZONES)
        self.given.append(given)
        self._cascade(set(self.completed), given)

    def _cascade(self, before: Collection[Completed], given: Given | None = None) -> None:
        """Complete goals over goals and points whose target was reached since `before` and, if given, by these points.

        They may bring others to their targets in turn.
        """
        earlier = [each for each in self.given if each is not given]
        over = [goal for goal in self.goals if goal.counts is not None and not goal.suspended]
        pending = True
        while pending:
            instants = {key[::2] for key in self.completed - set(before)} | ({given[::2]} if given else set())
            found = {
                (user_id, goal.id, start)
                for user_id, instant in instants
                for goal in over
                if (start := self._shown_start(user_id, goal, instant)) is not None
                and self._counted_completions(user_id, goal, start, self.completed, self.given) >= goal.target
                and self._counted_completions(user_id, goal, start, before, earlier) < goal.target
                and self.is_active(user_id, goal)
            }
            pending = not found <= self.completed
            self.completed |= found

    def _counted_completions(
        self,
        user_id: str,
        goal: Goal,
        start: Instant | None,
        completed: Collection[Completed],
        given: Collection[Given],
    ) -> int:
        return counted(
            goal,
            start,
            self.by_id,
            [key[1:] for key in completed if key[0] == user_id],
            [each for each in given if each.player == user_id],
            lambda instant: self._shown_start(user_id, goal, instant),
        )

    def _claim(self, key: Completed) -> None:
        self.claimed.add(key)
        self.ever_claimed.add(key)

    def _claim_unlocked(self, completed: Collection[Completed], others: Collection[Completed] = ()) -> None:
        """Claim automatically what is newly completed, what that may unlock, and others, if nothing forbids it."""
        for key in self.completed - self.ever_claimed:
            user_id, goal_id, start = key
            goal = self.by_id[goal_id]
            unlocking = any(
                user_id == player
                and required in goal.requires
                and (start == of_required or goal.schedule != self.by_id[required].schedule)
                for player, required, of_required in completed
            )
            looked_at = key in completed or key in others or unlocking
            allowed = goal.claim_mode is ClaimMode.AUTO and not goal.suspended and self.is_active(user_id, goal)
            stored = all(
                any(
                    (user_id, required.id) == other[:2] and (start == other[2] or goal.schedule != required.schedule)
                    for other in self.completed
                )
                for required in map(self.by_id.__getitem__, goal.requires)
            )
            # An event comes in time for the claims of its period, so what it completes alone is not asked.
            lasts = self._lasts(key) or (key in completed and not goal.requires)
            if looked_at and allowed and stored and lasts:
                self._claim(key)

    def status(self, user_id: str, goal: Goal) -> Status:
        """Return the status in the current period."""
        return self._status_in(self._current(user_id, goal), goal)

    def shown(self, user_id: str, goal: Goal) -> Status | None:
        """Return the status that lists show; None if they hide the goal.

        After a season they show its last period until its rewards cannot be claimed any longer.
        """
        place = self._current(user_id, goal)
        if place[2] is not None:
            return self._status_in(place, goal)
        last = last_period(goal.schedule, self.now, self.zones.get(user_id, NO_ZONES))
        if last is None or not self._lasts((user_id, goal.id, last.start)):
            return None
        return self._status_in((user_id, goal.id, last.start), goal)

    def _status_in(self, place: Place, goal: Goal) -> Status:
        active, locked = self.is_active(place[0], goal), self._is_locked(place[0], goal, place[2])
        if place in self.claimed:
            return active, locked, GoalState.CLAIMED, goal.target
        if self._is_completed(place):
            return active, locked, GoalState.COMPLETED, goal.target
        shown = self._shown(*place) if active else self.frozen.get(place, 0)
        progress = max(0, min(shown, goal.target))
        return active, locked, GoalState.IN_PROGRESS if progress else GoalState.NOT_STARTED, progress

    def reached(self, user_id: str) -> tuple[int, int, int]:
        """Return the numbers of completions and claimed rewards, and the points."""
        completed = [self.by_id[goal_id] for player, goal_id, _ in self.completed if player == user_id]
        claimed = sum(player == user_id for player, _, _ in self.claimed)
        return len(completed), claimed, sum(goal.points for goal in completed) + self.adjusted[user_id]

    def _is_completed(self, key: Place) -> bool:
        """Return True if a completion is stored, or the goal is satisfied without one in the current period."""
        user_id, goal_id, _ = key
        goal = self.by_id[goal_id]
        satisfied = key == self._current(user_id, goal) and self._judged(*key) >= goal.target
        return key in self.completed or (satisfied and self.is_active(user_id, goal) and not goal.suspended)

    def _is_locked(self, user_id: str, goal: Goal, start: Instant | None) -> bool:
        """Return True if a prerequisite is not met: in the same period if it has the same schedule, otherwise ever."""
        for required in map(self.by_id.__getitem__, goal.requires):
            if required.schedule == goal.schedule:
                met = self._is_completed((user_id, required.id, start))
            else:
                ever = any(key[:2] == (user_id, required.id) for key in self.completed)
                met = ever or self._is_completed(self._current(user_id, required))
            if not met:
                return True
        return False

    def _judged(self, user_id: str, goal_id: str, start: Instant | None, among: Sequence[Event] | None = None) -> int:
        goal = self.by_id[goal_id]
        if goal.counts is not None:
            return self._counted_completions(user_id, goal, start, self.completed, self.given)
        return self.credited(user_id, goal, start, among)

    def _shown(self, user_id: str, goal_id: str, start: Instant | None) -> int:
        goal = self.by_id[goal_id]
        if goal.counting is not Counting.LATEST:
            return self._judged(user_id, goal_id, start)
        return latest(self.counted_events(user_id, goal, start))
