"""Players who have completed everything there is, over a year: the most that statistics are made of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bench.database import connected
from bench.statements import statement
from shared.domain.catalogue import LOGIN, Catalogue, Goal
from shared.domain.events import CompletionKey, Event
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.periods import LIFETIME_START
from shared.domain.recalculation import recalculated
from shared.domain.standings import CompletionRecord, record_of
from shared.domain.tally import fold
from shared.postgres.arrays import int_array, text_array
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.goals import completions
from shared.postgres.statistics import histories, standings
from shared.postgres.transaction import run_transaction

YEAR_DAYS = 365
ADJUSTMENTS = 20
POINTS = 10
POINTS_ADJUSTED = 5
"""Points given by each adjustment (see `sql/adjust_points.sql`)."""
TAGS = ("season", "pvp")
"""Of every completion."""
DAYS_MISSED = 10
"""Every so many-th day had no login, so that there are many streaks."""
_PLAYERS_AT_ONCE = 20
_CLAIM = statement("claim_completions")
_ADJUST = statement("adjust_points")


def give_years(url: str, catalogue: Catalogue, players: Sequence[str], now: Instant) -> None:
    """Store new players who have completed and claimed every goal of the catalogue, and whom operators gave points."""
    with connected(url) as connection:
        connection.execute("SET statement_timeout = 0")
        for start in range(0, len(players), _PLAYERS_AT_ONCE):
            some = players[start : start + _PLAYERS_AT_ONCE]
            run_transaction(connection, partial(_store, catalogue=catalogue, players=some, now=now))
        connection.execute("VACUUM (ANALYZE)")


def _store(connection: Connection, catalogue: Catalogue, players: Sequence[str], now: Instant) -> None:
    began = now - YEAR_DAYS * DAY
    logins = [
        Event("", player, began + day * DAY, LOGIN)
        for player in players
        for day in range(YEAR_DAYS)
        if day % DAYS_MISSED
    ]
    stats = {goal.stat for goal in catalogue.goals.values()} - {LOGIN}
    highest = max(goal.target for goal in catalogue.goals.values())
    others = [
        Event("", player, now - DAY, stat, delta=highest, value=highest) for player in players for stat in sorted(stats)
    ]
    tallies.merge(connection, fold([*logins, *others], catalogue.day_counted))
    goals = list(catalogue.goals.values())
    completions.insert_missing(
        connection,
        {
            CompletionKey(player, goal.id, LIFETIME_START, 1): _record(goal, time)
            for player in players
            for goal, time in zip(goals, _spread(began, len(goals)), strict=True)
        },
    )
    _CLAIM.rows(connection, text_array(players))
    _ADJUST.rows(connection, text_array(players), int_array(_spread(began, ADJUSTMENTS)))
    for player, history in histories.read(connection, players).items():
        standings.merge(connection, recalculated(player, history, catalogue.points_schedules))


def _spread(began: Instant, count: int) -> list[Instant]:
    """So many instants, evenly over a year."""
    return [began + YEAR_DAYS * DAY * number // count for number in range(count)]


def _record(goal: Goal, time: Instant) -> CompletionRecord:
    return record_of(goal, time, time - HOUR)._replace(points=POINTS, tags=TAGS)
