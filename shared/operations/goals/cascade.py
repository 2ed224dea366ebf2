"""Completions, stored with all that they complete in turn.

Goals over goals and over points count the completions that a transaction stores, in the same transaction, whatever has
caused the first of them. Level by level the tallies are merged, and the goals that they bring to their targets are
completed, so all transactions lock tallies and completions in one order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from shared.domain.cascades import POINTS_OF_EVERYTHING, Feed, crossing_feed, fold_feeds, tally_of
from shared.domain.catalogue import Catalogue
from shared.domain.events import CompletionKey
from shared.domain.goal import Source, Stat
from shared.domain.instant import Instant
from shared.domain.player_zones import Zones
from shared.domain.schedules import LIFETIME
from shared.domain.standings import CompletionRecord, record_of
from shared.operations.events.crossings import active_crossings, crossings_of
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.goals import completions, player_zones


class Caused(NamedTuple):
    """A completion to store."""

    record: CompletionRecord
    position: int = 0
    """The position of the event that causes it, among those of a batch."""


def complete(
    connection: Connection, catalogue: Catalogue, caused: Mapping[CompletionKey, Caused]
) -> dict[CompletionKey, Caused]:
    """Store completions and what they complete in turn. Return those not stored before, causes before effects."""
    if not catalogue.cascades.levels:
        return _store(connection, caused)
    return _cascade(connection, catalogue, caused, ())


def add_points(
    connection: Connection, catalogue: Catalogue, user_id: str, points: int, time: Instant
) -> dict[CompletionKey, Caused]:
    """Count points that an operator gives, store what they complete, and return it. Points taken away do not count."""
    if points <= 0 or POINTS_OF_EVERYTHING not in catalogue.cascades.levels:
        return {}
    return _cascade(connection, catalogue, {}, [Feed(user_id, POINTS_OF_EVERYTHING, points, time, time)])


def _cascade(
    connection: Connection, catalogue: Catalogue, caused: Mapping[CompletionKey, Caused], given: Sequence[Feed]
) -> dict[CompletionKey, Caused]:
    cascades = catalogue.cascades
    waiting: dict[int, dict[CompletionKey, Caused]] = defaultdict(dict)
    feeds: dict[int, list[Feed]] = defaultdict(list)
    for key, each in caused.items():
        waiting[cascades.level_of(key.goal_id)][key] = each
    for feed in given:
        feeds[cascades.levels[feed.stat]].append(feed)
    done: dict[CompletionKey, Caused] = {}
    while waiting or feeds:
        level = min(waiting.keys() | feeds.keys())
        fed = feeds.pop(level, ())
        due = waiting.pop(level, {}) | (_reached(connection, catalogue, fed) if fed else {})
        if not due:
            continue
        for key, each in _store(connection, due).items():
            done[key] = each
            for stat in cascades.fed_by.get(key.goal_id, ()):
                feeds[cascades.levels[stat]].append(_feed(catalogue, key, each, stat))
    return done


def _store(connection: Connection, caused: Mapping[CompletionKey, Caused]) -> dict[CompletionKey, Caused]:
    """Store completions, and return those not stored before, in the given order."""
    stored = completions.insert_missing(connection, {key: each.record for key, each in caused.items()})
    return {key: each for key, each in caused.items() if key in stored}


def _feed(catalogue: Catalogue, key: CompletionKey, caused: Caused, stat: Stat) -> Feed:
    instant = None if catalogue.goals[key.goal_id].schedule == LIFETIME else key.period_start
    points = caused.record.points if stat.source is Source.POINTS else 0
    return Feed(key.user_id, stat, points, instant, caused.record.complete_time, caused.position)


def _reached(connection: Connection, catalogue: Catalogue, feeds: Iterable[Feed]) -> dict[CompletionKey, Caused]:
    """Count completions of goals of lower levels, and return what they complete."""
    zones = _zones(connection, catalogue, feeds)
    folded = fold_feeds(feeds, catalogue.tally_schedules, zones)
    merged = tallies.merge(connection, {key: tally_of(each) for key, each in folded.items()})
    crossings = crossings_of(catalogue, merged)
    found: dict[CompletionKey, Caused] = {}
    for crossing, active_since in active_crossings(connection, catalogue, crossings, zones):
        tally, rung = crossing
        goal = rung.goal
        before = tally.before.judged_by(goal.counting)
        feed = crossing_feed(rung.target, before, folded[tally.key], goal.stat.source)
        record = record_of(goal, feed.time, active_since, tally.period_start, rung.occurrence)
        found[crossing.completion] = Caused(record, feed.position)
    return found


def _zones(connection: Connection, catalogue: Catalogue, feeds: Iterable[Feed]) -> Mapping[str, Zones]:
    """Return the zones of the players whose periods depend on them.

    Goals in such periods count only goals in such periods. What counts events for those, keeps players from being
    stored with another zone meanwhile.
    """
    by_player = catalogue.stats_by_player_zone
    user_ids = {feed.user_id for feed in feeds if feed.stat in by_player} if by_player else ()
    return player_zones.read_zones(connection, user_ids) if user_ids else {}
