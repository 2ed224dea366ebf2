"""The periods that are current for a player.

They are computed once between two boundaries, not for every call: a boundary changes them, and nothing else does. All
players who have named the same zones share them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakKeyDictionary, ref

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Goal, Stat
from shared.domain.instant import LIFETIME_START, Day, Instant, Microseconds, Period
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.pools import Pools
from shared.domain.rotation import claim_end
from shared.domain.schedules import LIFETIME, Schedule
from shared.domain.streaks import StreakRule

_NEVER, _FOR_EVER = float("-inf"), float("inf")
_NOTHING: frozenset[str] = frozenset()


ZONES_CACHED_MAX = 4_096
"""Maximum number of different zone histories whose current periods are kept for one catalogue."""


class Range(NamedTuple):
    """The starts of periods from `first` to `last`, both included."""

    first: Instant
    last: Instant


class WatchedDays(NamedTuple):
    """The days of a tally, of which goals ask for streaks."""

    stat: Stat
    schedule: str
    period_start: Instant
    rules: frozenset[StreakRule]
    today: Day


class CurrentPeriods(NamedTuple):
    """The current periods of all schedules of goals, other than the lifetime."""

    periods: Mapping[str, Period]
    """By schedule text. A schedule whose season is not running is missing."""
    starts: Mapping[str, Instant]
    """The start of the current period by goal id, of goals that have one and a schedule other than the lifetime."""
    since: float = _NEVER
    until: float = _FOR_EVER
    """The instants from which and until which these are the current periods."""
    required_ever: tuple[str, ...] = ()
    """Ids of goals of which it matters whether they were completed in any period."""
    ended: frozenset[str] = _NOTHING
    """Texts of schedules whose last period is shown after it has ended, because its rewards can be claimed."""
    hidden: frozenset[str] = _NOTHING
    """Ids of goals that are not shown: their season is over for good, or is still to come."""
    upcoming: frozenset[str] = _NOTHING
    """Those of the hidden goals whose season is still to come."""
    by_player: Mapping[str, Microseconds] = MappingProxyType({})
    """The longest period of each schedule that depends on a player's zones, by schedule text."""
    instant: Instant = 0
    """The instant of the question, if a schedule depends on the player."""
    of_zones: Callable[[Zones], CurrentPeriods] | None = None
    """Returns the same for players who have named these zones, if a schedule depends on the player."""
    pools: Pools | None = None
    """Draws the goals of pools in these periods, if there are pools."""
    attributes: tuple[str, ...] = ()
    """The attributes of players that rewards require."""

    @property
    def of_lifetime(self) -> bool:
        """True if nothing but the lifetime's tallies, completions and choices decides the status of goals."""
        return not self.periods and not self.required_ever and not self.attributes

    watched_days: tuple[WatchedDays, ...] = ()
    """The tallies of the lifetime and of these periods whose days are read, too."""

    def of_player(self, zones: Zones) -> CurrentPeriods:
        """Return the same for a player who has named these zones."""
        return self.of_zones(zones) if zones and self.of_zones is not None else self

    def tally_ranges(self) -> Iterator[tuple[str, Range]]:
        """Yield schedule texts, each with the starts that its period may have, whatever zones the player has named."""
        for text, (start, end) in self.periods.items():
            longest = self.by_player.get(text)
            if longest is None:
                yield text, Range(start, start)
            else:
                last = end if text in self.ended and end is not None else self.instant
                yield text, Range(last - longest, last)

    def pool_ranges(self) -> Iterator[tuple[str, Range]]:
        """Yield ids of pools, each with the starts that its period may have, whatever zones the player has named."""
        if self.pools is None:
            return
        ranges = dict(self.tally_ranges())
        for challenge_id, pool in self.pools.by_challenge.items():
            if pool.schedule.text in ranges:
                yield challenge_id, ranges[pool.schedule.text]

    def completion_ranges(self) -> list[Range]:
        """Return the starts that the periods of all schedules may have, as ranges that do not overlap."""
        ranges: list[Range] = []
        for first, last in sorted(found for _, found in self.tally_ranges()):
            if ranges and first <= ranges[-1].last:
                ranges[-1] = Range(ranges[-1].first, max(last, ranges[-1].last))
            else:
                ranges.append(Range(first, last))
        return ranges


NO_PERIODS = CurrentPeriods(MappingProxyType({}), MappingProxyType({}))
"""The current periods where all goals count for the lifetime."""

_Pair = tuple[CurrentPeriods, CurrentPeriods]
"""The current and the shown periods."""
_known: WeakKeyDictionary[Catalogue, dict[Zones, _Pair]] = WeakKeyDictionary()
"""The periods of each catalogue as last computed, by the zones that players have named."""
_latest: list[tuple[Callable[[], Catalogue | None], _Pair]] = [(lambda: None, (NO_PERIODS, NO_PERIODS))]
"""Those that were asked for last, for players who have named none: nearly every call asks for them again."""


def current_periods(catalogue: Catalogue, now: Instant) -> CurrentPeriods:
    """Return the periods that are current at `now` for players who have named no zone."""
    return _of_all(catalogue, now, 0)


def shown_periods(catalogue: Catalogue, now: Instant) -> CurrentPeriods:
    """Return the periods that goals are shown in at `now` to players who have named no zone.

    They are the current ones, and after a season its last one, until its rewards cannot be claimed any longer.
    """
    return _of_all(catalogue, now, 1)


def _of_all(catalogue: Catalogue, now: Instant, which: int) -> CurrentPeriods:
    found = _periods(catalogue, now)[which]
    if not found.by_player:
        return found
    # Not kept, because it refers to the catalogue.
    return found._replace(instant=now, of_zones=lambda zones: _periods(catalogue, now, zones)[which])


def _periods(catalogue: Catalogue, now: Instant, zones: Zones = NO_ZONES) -> _Pair:
    of, latest = _latest[0]
    if not zones and of() is catalogue and latest[0].since <= now < latest[0].until:
        return latest
    by_zones = _known.setdefault(catalogue, {})
    known = by_zones.get(zones)
    if known is None or not known[0].since <= now < known[0].until:
        if len(by_zones) >= ZONES_CACHED_MAX:
            by_zones.clear()
        known = by_zones[zones] = _computed(catalogue, now, zones)
    if not zones:
        _latest[0] = ref(catalogue), known
    return known


def _computed(catalogue: Catalogue, now: Instant, zones: Zones) -> _Pair:
    by_text = {goal.schedule.text: goal.schedule for goal in catalogue.goals.values() if goal.schedule != LIFETIME}
    day_end = min((schedule.day_end(now) for _, schedule in catalogue.streak_rules), default=_FOR_EVER)
    if not by_text:
        watched = _watched_days(catalogue, now, {})
        lifetime = NO_PERIODS._replace(since=now, until=day_end, watched_days=watched) if watched else NO_PERIODS
        if catalogue.player_attributes:
            lifetime = lifetime._replace(attributes=catalogue.player_attributes)
        return lifetime, lifetime
    by_player = {text: schedule.longest_period for text, schedule in by_text.items() if schedule.by_player}
    by_text = {text: schedule.of_player(zones) for text, schedule in by_text.items()}
    found = {text: _around(by_text[text], now) for text in sorted(by_text)}
    until = min(day_end, *(around.until for around in found.values()))
    current = {text: around.current for text, around in found.items() if around.current is not None}
    ended = {text: around.ended for text, around in found.items() if around.ended is not None}
    goals = [goal for goal in catalogue.goals.values() if goal.schedule.text in found]
    hidden = [goal for goal in goals if goal.schedule.text not in current and goal.schedule.text not in ended]
    upcoming = frozenset(goal.id for goal in hidden if found[goal.schedule.text].returns)
    required = catalogue.required_across_schedules
    pools = catalogue.pools
    now_current = CurrentPeriods(
        current,
        _starts(goals, current),
        now,
        until,
        required,
        by_player=by_player,
        pools=pools,
        attributes=catalogue.player_attributes,
        watched_days=_watched_days(catalogue, now, current),
    )
    if not ended and not hidden:
        return now_current, now_current
    shown = current | ended
    return now_current, CurrentPeriods(
        shown,
        _starts(goals, shown),
        now,
        until,
        required,
        frozenset(ended),
        frozenset(goal.id for goal in hidden),
        upcoming,
        by_player,
        pools=pools,
        attributes=catalogue.player_attributes,
        watched_days=_watched_days(catalogue, now, shown),
    )


def _watched_days(catalogue: Catalogue, now: Instant, periods: Mapping[str, Period]) -> tuple[WatchedDays, ...]:
    starts = {text: period.start for text, period in periods.items()} | {LIFETIME.text: LIFETIME_START}
    return tuple(
        WatchedDays(stat, schedule.text, starts[schedule.text], rules, schedule.day_at(now))
        for (stat, schedule), rules in sorted(catalogue.streak_rules.items(), key=lambda watched: watched[0][0])
        if schedule.text in starts
    )


def _starts(goals: Iterable[Goal], periods: Mapping[str, Period]) -> dict[str, Instant]:
    return {goal.id: periods[goal.schedule.text].start for goal in goals if goal.schedule.text in periods}


class _Around(NamedTuple):
    """The periods of one schedule around an instant."""

    current: Period | None
    ended: Period | None
    """The last period if there is no current one and rewards of the last one can be claimed."""
    returns: bool
    """True if there is no current period and another one is to come."""
    until: float


def _around(schedule: Schedule, now: Instant) -> _Around:
    current = schedule.shown_at(now)
    if current is not None:
        return _Around(current, None, False, _FOR_EVER if current.end is None else current.end)
    following, last = schedule.next_after(now), schedule.last_before(now)
    until = _FOR_EVER if following is None else following.start
    claimable_until = None if last is None else claim_end(schedule, last)
    if claimable_until is None or claimable_until <= now:
        return _Around(None, None, following is not None, until)
    return _Around(None, last, following is not None, min(until, claimable_until))
