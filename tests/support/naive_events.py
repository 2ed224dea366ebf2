"""A naive model of what players have done: it keeps every event, and adds up what a goal counts from all of them."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.goal import Credit, Goal
from shared.domain.instant import HOUR, Instant
from shared.domain.player_zones import NO_ZONES, SINCE_EVER, NamedZone, Zones
from shared.domain.schedules import CLAIM_GRACE_DEFAULT
from tests.support.naive_counting import best, current_streak, judged, sees
from tests.support.periods import counted_period, shown_period

Completed = tuple[str, str, Instant]
"""A player, a goal, and the start of the period in which it is completed."""
Place = tuple[str, str, Instant | None]
"""The same of any period; None where a season leaves none."""

ZONE_INTERVAL: Instant = 6 * HOUR
"""Shortest time between two changes of a player's zone."""


class NaiveEvents:
    """Events, choices and zones of any number of players."""

    def __init__(self, catalogue: Catalogue, now: Instant) -> None:
        self.now = now
        """The instant at which players look, switch and claim."""
        self.latest = now
        """The latest of those instants so far."""
        self.goals = tuple(catalogue.goals.values())
        self.by_id = catalogue.goals
        self.events: dict[tuple[str, str, int], Event] = {}
        """In the order in which they were applied."""
        self.chosen: dict[tuple[str, str], bool] = {}
        self.activated: dict[tuple[str, str], tuple[int, Instant]] = {}
        """The number of events applied before the last activation, and its instant."""
        self.zones: dict[str, Zones] = {}
        """The zones that initialized players have named."""

    def reload(self, catalogue: Catalogue) -> None:
        """Go on with another version of the catalogue."""
        self.goals, self.by_id = tuple(catalogue.goals.values()), catalogue.goals

    def choose(self, user_id: str, goal: Goal, active: bool) -> None:
        """Make a goal active or inactive."""
        self.chosen[user_id, goal.id] = active
        if active:
            self.activated[user_id, goal.id] = len(self.events), self.now

    def name_zone(self, user_id: str, zone: str, now: Instant) -> bool:
        """Initialize the player with a zone, or change it; return False if that is refused for now.

        The zone of a new player holds since ever, unless events were counted by the days of the default zone before.
        """
        zones = self.zones.get(user_id)
        if zones is None:
            by_zone = [goal for goal in self.goals if goal.schedule.by_player]
            is_counted = any(
                event.user_id == user_id
                and sees(goal, event)
                and self._counted_start(user_id, goal, event.time) is not None
                for event in self.events.values()
                for goal in by_zone
            )
            self.zones[user_id] = (NamedZone(now if is_counted else SINCE_EVER, zone),)
        elif not zones or zones[-1].zone != zone:
            if zones and now < zones[-1].instant + ZONE_INTERVAL:
                return False
            self.zones[user_id] = (*zones, NamedZone(now, zone))
        return True

    def is_active(self, user_id: str, goal: Goal) -> bool:
        return self.chosen.get((user_id, goal.id), goal.default_assigned)

    def _counted_start(self, user_id: str, goal: Goal, instant: Instant) -> Instant | None:
        """Return the start of the period that an event at the instant counts for."""
        period = counted_period(goal.schedule, instant, self.zones.get(user_id, NO_ZONES))
        return None if period is None else period.start

    def _current(self, user_id: str, goal: Goal) -> Place:
        return user_id, goal.id, self._shown_start(user_id, goal, self.now)

    def _lasts(self, key: Completed) -> bool:
        """Return True if the reward of the period can still be claimed."""
        period = shown_period(self.by_id[key[1]].schedule, key[2], self.zones.get(key[0], NO_ZONES))
        assert period is not None
        return period.end is None or period.end + CLAIM_GRACE_DEFAULT > self.now

    def _shown_start(self, user_id: str, goal: Goal, instant: Instant) -> Instant | None:
        period = shown_period(goal.schedule, instant, self.zones.get(user_id, NO_ZONES))
        return None if period is None else period.start

    def credited(self, user_id: str, goal: Goal, start: Instant | None, among: Sequence[Event] | None = None) -> int:
        """Return what the player's events in a period add up to for the goal, of those `among` all that are given."""
        measure = judged(goal, self.counted_events(user_id, goal, start, among))
        if goal.credit is Credit.EVERYTHING or start is None:
            return measure
        if not self.is_active(user_id, goal) or (user_id, goal.id) not in self.activated:
            return 0
        number, instant = self.activated[user_id, goal.id]
        if self._shown_start(user_id, goal, instant) == start:
            earlier = list(self.events.values())[:number]
            return measure - judged(goal, self.counted_events(user_id, goal, start, earlier))
        return measure if start > instant else 0

    def records(self, user_id: str, goal: Goal) -> tuple[int, int | None]:
        """Return the current streak and the lowest value in the current period, for goals that count them."""
        events = self.counted_events(user_id, goal, self._shown_start(user_id, goal, self.now))
        return current_streak(goal, events, self.now), best(goal, events)

    def counted_events(
        self, user_id: str, goal: Goal, start: Instant | None, among: Sequence[Event] | None = None
    ) -> list[Event]:
        """Return the player's events that count for the goal in a period."""
        return [
            event
            for event in (self.events.values() if among is None else among)
            if event.user_id == user_id
            and sees(goal, event)
            and start is not None
            and self._counted_start(user_id, goal, event.time) == start
        ]
