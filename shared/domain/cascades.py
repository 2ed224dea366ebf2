"""Goals over goals and over points, and what a completion adds to their tallies.

A goal over goals counts completions, one over points their points. Each set of goals that some goal counts has a tally
of its own per player, like a stat, which completions move instead of events. The level of a goal is 0 if events move
it, and otherwise one more than the highest level of the goals that it counts.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.domain.goal import CountedGoals, Goal, Source, Stat
from shared.domain.instant import Instant
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.schedules import Schedule
from shared.domain.tally import SUM_MAX, Tally, TallyKey

LEVEL_MAX = 8
"""Maximum level of a goal. Each level costs a cascade up to three statements."""
_DIGEST_BYTES = 16

POINTS_OF_EVERYTHING = Stat(Source.POINTS, "all")
"""The tally of all points, to which points given by operators are added, too."""


def counted_stat(source: Source, counted: CountedGoals) -> Stat:
    """Return the key of the tally of these goals' completions, or of their points."""
    if counted.goal_ids:
        canonical = json.dumps(sorted(set(counted.goal_ids)), separators=(",", ":"))
        digest = hashlib.blake2b(canonical.encode("ascii"), digest_size=_DIGEST_BYTES)
        return Stat(source, f"goals:{digest.hexdigest()}")
    if counted.challenge_id:
        return Stat(source, f"challenge:{counted.challenge_id}")
    return Stat(source, f"tag:{counted.tag}") if counted.tag else Stat(source, "all")


class Cascades:
    """The tallies that completions of a catalogue's goals add to."""

    def __init__(self, goals: Mapping[str, Goal]) -> None:
        """`goals` are by id. Those over others do not count each other in a circle."""
        self._goals = goals
        counted = {goal.stat: goal.counts for goal in goals.values() if goal.counts is not None}
        listed: dict[str, list[Stat]] = defaultdict(list)
        for stat, each in counted.items():
            for goal_id in each.goal_ids:
                listed[goal_id].append(stat)
        self.fed_by: Mapping[str, tuple[Stat, ...]] = {
            goal.id: found
            for goal in (goals.values() if counted else ())
            if (found := tuple(stat for stat in (*_stats_of(goal), *listed.get(goal.id, ())) if stat in counted))
        }
        """The tallies that a completion adds to, by goal id, of goals that some goal counts."""
        feeding: dict[Stat, list[Goal]] = {stat: [] for stat in counted}
        for goal_id, stats in self.fed_by.items():
            for stat in stats:
                feeding[stat].append(goals[goal_id])
        self.levels: dict[Stat, int] = {}
        """The levels of goals over these tallies."""
        for stat in counted:
            self._find_level(stat, feeding)

    def _find_level(self, stat: Stat, feeding: Mapping[Stat, Sequence[Goal]]) -> int:
        level = self.levels.get(stat)
        if level is None:
            below = {goal.stat for goal in feeding[stat]} & feeding.keys()
            level = 1 + max((self._find_level(each, feeding) for each in below), default=0)
            self.levels[stat] = level
        return level

    def level_of(self, goal_id: str) -> int:
        """Return the level of a goal."""
        return self.levels.get(self._goals[goal_id].stat, 0) if self.levels else 0

    def locked_with(self, goals: Iterable[Goal]) -> list[Stat]:
        """Return the tallies to lock before these goals are switched, in the order in which they are locked.

        If the goals are of several levels, those of the lower ones may add to tallies of the levels up to the highest.
        """
        switched = tuple(goals)
        stats = {goal.stat for goal in switched}
        highest = max((self.levels.get(stat, 0) for stat in stats), default=0)
        fed: set[Stat] = set()
        new = self._fed_up_to(highest, switched) if highest else fed
        while new:
            fed |= new
            new = self._fed_up_to(highest, [goal for goal in self._goals.values() if goal.stat in new]) - fed
        stats |= fed
        return sorted(stats, key=lambda stat: (self.levels.get(stat, 0), stat))

    def _fed_up_to(self, level: int, goals: Iterable[Goal]) -> set[Stat]:
        return {stat for goal in goals for stat in self.fed_by.get(goal.id, ()) if self.levels[stat] <= level}


def _stats_of(goal: Goal) -> Iterator[Stat]:
    """Yield the tallies that a completion of the goal would add to if some goal counted them, without lists."""
    for source in (Source.GOAL, Source.POINTS) if goal.has_points else (Source.GOAL,):
        yield counted_stat(source, CountedGoals(challenge_id=goal.challenge_id))
        for tag in goal.tags:
            yield counted_stat(source, CountedGoals(tag=tag))
    if goal.has_points:
        yield POINTS_OF_EVERYTHING


class Feed(NamedTuple):
    """An addition to a tally, by one completion or an operator."""

    user_id: str
    stat: Stat
    points: int
    instant: Instant | None
    """The instant whose periods it counts for: the start of the completed period. None for the lifetime alone."""
    time: Instant | None
    """When it happened; None if that is not known."""
    position: int = 0
    """The position of the event that caused it, among those of a batch."""


def fold_feeds(
    feeds: Iterable[Feed], schedules: Mapping[Stat, Sequence[Schedule]], zones: Mapping[str, Zones]
) -> dict[TallyKey, list[Feed]]:
    """Return what is added to each tally of the lifetime and of periods, in the order of the events that caused it.

    `schedules` are the further schedules of each stat, `zones` those that players have named. A period counts what was
    completed in a period that has begun in it, also outside of its window.
    """
    folded: dict[TallyKey, list[Feed]] = defaultdict(list)
    for feed in sorted(feeds, key=lambda feed: feed.position):
        folded[TallyKey(feed.user_id, feed.stat)].append(feed)
        if feed.instant is None:
            continue
        for schedule in schedules.get(feed.stat, ()):
            period = schedule.of_player(zones.get(feed.user_id, NO_ZONES)).shown_at(feed.instant)
            if period is not None:
                folded[TallyKey(feed.user_id, feed.stat, schedule.text, period.start)].append(feed)
    return folded


def tally_of(feeds: Iterable[Feed]) -> Tally:
    """Return the tally of what was added."""
    tally = Tally()
    for feed in feeds:
        tally.sum = min(tally.sum + feed.points, SUM_MAX)
        tally.events += 1
        if feed.time is not None:
            tally.events_time = feed.time if tally.events_time is None else max(tally.events_time, feed.time)
            tally.sum_time = tally.events_time
    return tally


def crossing_feed(target: int, before: int, feeds: Sequence[Feed], source: Source) -> Feed:
    """Return what reaches the target of a goal over this source; raise ValueError if nothing does.

    `before` is what was counted before, and `feeds` are in the order of the events that caused them.
    """
    total = before
    for feed in feeds:
        total = min(total + feed.points, SUM_MAX) if source is Source.POINTS else total + 1
        if total >= target:
            return feed
    raise ValueError(f"nothing reaches the target of {target}")
