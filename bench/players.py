"""Players with a history: where every measurement begins.

Everything is stored by the library's own operations, so the data is such as the services themselves would have left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

from bench.database import connected
from bench.events import MEASURED, Play
from shared.domain.catalogue import LOGIN, Catalogue, Goal
from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.events import CompletionKey, Event
from shared.domain.instant import DAY, HOUR, Instant, day_of
from shared.domain.progress import Assignment
from shared.domain.tally import LIFETIME_START
from shared.operations.flush import apply_events
from shared.operations.partitions import DAYS_AHEAD
from shared.postgres import assignments, completions, grants, partitions, players
from shared.postgres.connection import Connection
from shared.postgres.transaction import run_transaction

T = TypeVar("T")

LOGINS_MAX = 4
CHOSEN_GOALS = 3
"""Goals that each player has activated beyond those that are assigned by default."""
HISTORY: Instant = 48 * HOUR
"""How far back the history goes; events of that age are still accepted."""
_BATCH = 2_000


def player_ids(count: int) -> list[str]:
    """Ids as account systems give them: 32 characters, in no order."""
    return [blake2b(f"player {index}".encode(), digest_size=16).hexdigest() for index in range(count)]


def give_history(url: str, catalogue: Catalogue, play: Play, now: Instant) -> None:
    """Store every player with logins, a value of each stat, chosen goals and what these complete; half have claimed."""
    claimed = _first_goal_completed_by_login(catalogue)
    with connected(url) as connection:
        connection.execute("SET statement_timeout = 0")
        first, last = day_of(now - HISTORY) - 1, day_of(now) + DAYS_AHEAD
        run_transaction(connection, lambda connection: partitions.keep_partitions(connection, first, last))
        for some in _chunks(play.players):
            run_transaction(connection, _stored(some, catalogue, play, now))
        for events in _chunks(_history(play, now)):
            run_transaction(connection, lambda connection, events=events: apply_events(connection, catalogue, events))
        for some in _chunks(play.players[::2]):
            run_transaction(connection, _claimed(some, claimed, now))
        connection.execute("VACUUM (ANALYZE)")


def _stored(some: Sequence[str], catalogue: Catalogue, play: Play, now: Instant) -> Callable[[Connection], None]:
    goals = list(catalogue.goals)

    def store(connection: Connection) -> None:
        for player in some:
            players.insert(connection, player, "UTC", now - HISTORY)
            for goal_id in play.random.sample(goals, CHOSEN_GOALS):
                assignments.store(connection, player, goal_id, Assignment(True, now - HISTORY))

    return store


def _history(play: Play, now: Instant) -> Iterator[Event]:
    for player in play.players:
        for _ in range(play.random.randint(1, LOGINS_MAX)):
            yield play.event(player, LOGIN, None, now - play.random.randrange(HISTORY))
        for measured in MEASURED:
            value = play.random.randint(0, measured.start_max)
            play.values[player, measured.stat] = value
            yield play.event(player, measured.stat, value, now - play.random.randrange(DAY))


def _claimed(some: Sequence[str], goal: Goal, now: Instant) -> Callable[[Connection], None]:
    def claim(connection: Connection) -> None:
        for player in some:
            key = CompletionKey(player, goal.id, LIFETIME_START, 1)
            completions.mark_claimed(connection, key, now, None)
            grant = Claim(key, None, ClaimState.PENDING, goal.reward, grant_id(key, 1), now)
            grants.insert(connection, grant, 1)

    return claim


def _first_goal_completed_by_login(catalogue: Catalogue) -> Goal:
    return next(goal for goal in reversed(catalogue.default_goals) if goal.stat == LOGIN)


def _chunks(items: Sequence[T] | Iterator[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, _BATCH)):
        yield chunk
