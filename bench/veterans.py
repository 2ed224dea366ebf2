"""Players who have completed every goal of the catalogue over a year."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bench.database import connected
from shared.domain.catalogue import Catalogue
from shared.domain.events import CompletionKey, Event
from shared.domain.goal import LOGIN, Goal
from shared.domain.instant import DAY, HOUR, LIFETIME_START, Instant
from shared.domain.recalculation import recalculated
from shared.domain.standings import CompletionRecord, record_of
from shared.domain.tally import fold
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.goals import completions
from shared.postgres.statistics import histories, standings
from shared.postgres.transaction import run_transaction

YEAR_DAYS = 365
POINTS = 10
"""Points of every completion."""
TAGS = ("season", "pvp")
"""Tags of every completion."""
MISSED_EVERY_DAYS = 10
"""One day in this many has no login, so that there are many streaks."""
_PLAYERS_AT_ONCE = 20


def store_veterans(url: str, catalogue: Catalogue, players: Sequence[str], now: Instant) -> None:
    """Store new players who have completed every goal of the catalogue, each at another time."""
    with connected(url) as connection:
        connection.execute("SET statement_timeout = 0")
        for start in range(0, len(players), _PLAYERS_AT_ONCE):
            some = players[start : start + _PLAYERS_AT_ONCE]
            run_transaction(connection, partial(_store, catalogue=catalogue, players=some, now=now - start))
        connection.execute("VACUUM (ANALYZE)")


def _store(connection: Connection, catalogue: Catalogue, players: Sequence[str], now: Instant) -> None:
    began = now - YEAR_DAYS * DAY
    logins = [
        Event("", player, began + day * DAY, LOGIN)
        for player in players
        for day in range(YEAR_DAYS)
        if day % MISSED_EVERY_DAYS
    ]
    stats = {goal.stat for goal in catalogue.goals.values()} - {LOGIN}
    highest = max(goal.target for goal in catalogue.goals.values())
    others = [
        Event("", player, now - DAY, stat, delta=highest, value=highest) for player in players for stat in sorted(stats)
    ]
    tallies.merge(connection, fold([*logins, *others], catalogue.day_counted))
    goals = list(catalogue.goals.values())
    records = {
        CompletionKey(player, goal.id, LIFETIME_START, 1): _record(
            goal, began + number + YEAR_DAYS * DAY * place // len(goals)
        )
        for number, player in enumerate(players)
        for place, goal in enumerate(goals)
    }
    completions.insert_missing(connection, records)
    for player, history in histories.read(connection, players).items():
        standings.merge(connection, recalculated(player, history, catalogue.points_schedules))


def _record(goal: Goal, time: Instant) -> CompletionRecord:
    return record_of(goal, time, time - HOUR)._replace(points=POINTS, tags=TAGS)
