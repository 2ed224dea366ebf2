"""Players with a history, with whom every measurement begins.

The rows are the same as if all of it had happened through the services, but they are written in bulk: ten thousand
players would take the services a minute. Veterans have completed every goal of the catalogue over a year.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b
from typing import NamedTuple

from bench.database import connected, statement
from bench.events import MEASURED, Play
from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.events import CompletionKey, Event
from shared.domain.goal import LOGIN, Goal
from shared.domain.grants import Granting
from shared.domain.instant import DAY, HOUR, LIFETIME_START, Instant, Microseconds, day_of
from shared.domain.recalculation import recalculated
from shared.domain.standings import CompletionRecord, Standing, StandingKey, record_of
from shared.domain.tally import fold
from shared.operations.events.ledger_partitions import DAYS_AHEAD
from shared.postgres.connection import Connection
from shared.postgres.events import ledger, ledger_partitions, tallies
from shared.postgres.goals import completions
from shared.postgres.rewards import outbox
from shared.postgres.statements import text_array
from shared.postgres.statistics import histories, standings
from shared.postgres.transaction import run_transaction

LOGINS_MAX = 4
CHOSEN_GOALS = 3
"""Number of goals that each player has activated beyond the default ones."""
CLAIMING = 4
"""One player in this many has claimed a reward."""
HISTORY: Microseconds = 48 * HOUR
"""Length of the history; events of that age are still accepted."""

_PLAYERS_AT_ONCE = 500
_STORE_PLAYERS = statement("store_players")
_STORE_CHOICES = statement("store_choices")


def player_ids(count: int) -> list[str]:
    """Return ids like those of account systems: 32 characters, in no order."""
    return [blake2b(f"player {index}".encode(), digest_size=16).hexdigest() for index in range(count)]


def claimable_goals(catalogue: Catalogue) -> list[Goal]:
    """Return the goals that every player with a history has completed, by the first login."""
    return [goal for goal in catalogue.default_goals if goal.stat == LOGIN and goal.target == 1]


def give_history(url: str, catalogue: Catalogue, play: Play, now: Instant) -> None:
    """Store every player, with logins, a value of each stat, some chosen goals, and the resulting completions.

    Some have claimed the last of `claimable_goals`.
    """
    with connected(url) as connection:
        connection.execute("SET statement_timeout = 0")
        first, last = day_of(now - HISTORY) - 1, day_of(now) + DAYS_AHEAD
        run_transaction(connection, lambda connection: ledger_partitions.keep_partitions(connection, first, last))
        for start in range(0, len(play.players), _PLAYERS_AT_ONCE):
            some = _History(play.players[start : start + _PLAYERS_AT_ONCE], catalogue, play, now)
            run_transaction(connection, some.store)
        connection.execute("VACUUM (ANALYZE)")


class _History(NamedTuple):
    """The history of some players."""

    players: Sequence[str]
    catalogue: Catalogue
    play: Play
    now: Instant

    def store(self, connection: Connection) -> None:
        _STORE_PLAYERS.rows(connection, text_array(self.players), self.now - HISTORY)
        goals = list(self.catalogue.goals.values())
        chosen = {player: self.play.random.sample(goals, CHOSEN_GOALS) for player in self.players}
        pairs = [(player, goal.id) for player, some in chosen.items() for goal in some]
        _STORE_CHOICES.rows(
            connection,
            text_array([player for player, _ in pairs]),
            text_array([goal_id for _, goal_id in pairs]),
            self.now - HISTORY,
        )
        events = list(self._history_events())
        ledger.insert_unseen(connection, [ledger.ledger_key(event) for event in events]).unseen()
        merged = tallies.merge(connection, fold(events, self.catalogue.day_counted))
        completions.insert_missing(
            connection,
            {
                CompletionKey(tally.user_id, goal.id, LIFETIME_START, 1): record_of(
                    goal, self.now - self.play.random.randrange(HOUR), None
                )
                for tally in merged
                for goal in (*self.catalogue.default_goals, *chosen[tally.user_id])
                if goal.stat == tally.stat and tally.after.judged_by(goal.counting) >= goal.target
            },
        )
        for player in self.players[::CLAIMING]:
            self._claim(connection, player)
        standings.merge(connection, self._standings(connection))

    def _history_events(self) -> Iterator[Event]:
        play, now = self.play, self.now
        for player in self.players:
            for _ in range(play.random.randint(1, LOGINS_MAX)):
                yield play.event(player, LOGIN, None, now - play.random.randrange(HISTORY))
            for measured in MEASURED:
                value = play.random.randint(measured.start_min, measured.start_max)
                play.values[player, measured.stat] = value
                yield play.event(player, measured.stat, value, now - play.random.randrange(DAY))

    def _standings(self, connection: Connection) -> dict[StandingKey, Standing]:
        """Return the standings that follow from the players' completions and claims."""
        schedules = self.catalogue.points_schedules
        computed: dict[StandingKey, Standing] = {}
        for player, history in histories.read(connection, self.players).items():
            computed |= recalculated(player, history, schedules)
        return computed

    def _claim(self, connection: Connection, player: str) -> None:
        goal = claimable_goals(self.catalogue)[-1]
        key = CompletionKey(player, goal.id, LIFETIME_START, 1)
        claim = Claim(key, None, ClaimState.PENDING, goal.reward, grant_id(key, 1), self.now)
        outbox.store(connection, [claim], Granting(self.now))


YEAR_DAYS = 365
POINTS = 10
"""Points of every completion."""
TAGS = ("season", "pvp")
"""Tags of every completion."""
MISSED_EVERY_DAYS = 10
"""One day in this many has no login, so that there are many streaks."""
_VETERANS_AT_ONCE = 20


def store_veterans(url: str, catalogue: Catalogue, players: Sequence[str], now: Instant, every: int = 1) -> None:
    """Store new players who have completed every goal, or one in `every` goals, each at another time."""
    with connected(url) as connection:
        connection.execute("SET statement_timeout = 0")
        for start in range(0, len(players), _VETERANS_AT_ONCE):
            some = players[start : start + _VETERANS_AT_ONCE]
            run_transaction(
                connection, partial(_store, catalogue=catalogue, players=some, now=now - start, every=every)
            )
        connection.execute("VACUUM (ANALYZE)")


def _store(connection: Connection, catalogue: Catalogue, players: Sequence[str], now: Instant, every: int) -> None:
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
    goals = list(catalogue.goals.values())[::every]
    records = {
        CompletionKey(player, goal.id, LIFETIME_START, 1): _record(
            goal, began + number + YEAR_DAYS * DAY * nth // len(goals)
        )
        for number, player in enumerate(players)
        for nth, goal in enumerate(goals)
    }
    completions.insert_missing(connection, records)
    for player, history in histories.read(connection, players).items():
        standings.merge(connection, recalculated(player, history, catalogue.points_schedules))


def _record(goal: Goal, time: Instant) -> CompletionRecord:
    return record_of(goal, time, time - HOUR)._replace(points=POINTS, tags=TAGS)
