"""Completions that are old enough to be carried forward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from shared.domain.carried_sums import OldCompletion
from shared.domain.claims import Claim
from shared.domain.events import Event
from shared.domain.instant import DAY, Instant
from shared.domain.schedules import DAILY, WEEKLY
from shared.operations.goals.retain_completions import CompletionRetention
from shared.operations.rewards.claim import claim_reward
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import completion_retention
from tests.support.databases import connected, flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

RETENTION = 400 * DAY
NOW = FIRST_DAY * DAY
LATER = NOW + 500 * DAY
DAILY_GOAL = replace(goal("daily", target=1, schedule=DAILY), points=3, tags=("pvp", "a, b"))
WEEKLY_GOAL = goal("weekly", target=1, schedule=WEEKLY)
AFTER_A_DAILY = goal("after a daily", target=1_000, requires=("daily",))
CATALOGUE = catalogue_of(DAILY_GOAL, WEEKLY_GOAL, AFTER_A_DAILY, goal("ever", target=1))


def retention(database: Database, rest: Callable[[float], bool] = lambda _: False) -> CompletionRetention:
    """Return a duty that does not rest."""
    return CompletionRetention(database, RETENTION, rest)


def lock_old(connection: Connection, before: Mapping[str, Instant]) -> list[OldCompletion]:
    """Lock what may be carried forward of `player`, with the instants before which periods begin by goal."""
    keys = completion_retention.find_old(connection, "", "player", before, LATER, 10)
    return completion_retention.lock_old(connection, keys, LATER)


def play(database: Database, players: tuple[str, ...] = ("player",), days: int = 3) -> None:
    """Complete all goals on each of some days."""
    flushed(
        database,
        CATALOGUE,
        [Event(f"{day}", player, NOW + day * DAY, KILLS, delta=1) for player in players for day in range(days)],
    )


def claim_daily(database: Database, player: str = "player") -> Claim:
    return claim_reward(database, CATALOGUE, player, DAILY_GOAL, None, NOW + 2 * DAY, soon())


def settle(database_url: str, state: str = "GRANTED", refusal: str | None = None) -> None:
    """Settle all grants."""
    with connected(database_url) as connection:
        connection.execute("UPDATE reward_outbox SET state = $1, refusal = $2", (state, refusal))


def completed(database_url: str) -> list[tuple[str, int]]:
    """Return the stored completions, as goal and day of the period."""
    with connected(database_url) as connection:
        rows = connection.execute("SELECT goal_id, period_start FROM completion ORDER BY 1, 2", binary=True)
        return [(goal_id, start // DAY) for goal_id, start in rows]
