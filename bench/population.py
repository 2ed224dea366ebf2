"""Many players with the same kind of history, in bulk: some by the service's own statements, the rest as their copies.

A copy has another user id, grant ids and event hashes, and otherwise the rows of its original. Rows are inserted in
rounds: the first row of each player, in no order of players, then the second, and so on. So they lie in
tables and indexes as after years of play, where a player's rows come one by one between those of all others.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import md5
from typing import NamedTuple

from bench.database import text
from bench.players import player_ids
from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.events import CompletionKey, Event
from shared.domain.goal import Goal, Source, Stat
from shared.domain.grants import Granting
from shared.domain.instant import DAY, HOUR, Instant, Microseconds, day_of
from shared.domain.recalculation import recalculated
from shared.domain.standings import CompletionRecord, record_of
from shared.domain.tally import fold
from shared.operations.events.ledger_partitions import DAYS_AHEAD
from shared.postgres.connection import Connection
from shared.postgres.events import ledger_partitions, tallies
from shared.postgres.goals import completions
from shared.postgres.rewards import grant_history, outbox
from shared.postgres.statistics import histories, standings
from shared.postgres.transaction import run_transaction

ORIGINALS = 200
"""Players who are made by the service's statements. All others are their copies."""
_IDS = player_ids(ORIGINALS)
_ROUNDS_MAX = 10_000


class Habits(NamedTuple):
    """The history of each player."""

    completions: int
    """Completed goals, in whatever periods. Less if the catalogue does not have that many in these days."""
    days: int
    """Days on which the player played, the last of them yesterday."""
    claims: int
    """Number of the completions that are claimed."""


@contextmanager
def filling(connection: Connection) -> Iterator[None]:
    """Let the server take rows in bulk; afterwards its settings are the defaults, and it has written everything."""
    connection.execute("SET statement_timeout = 0")
    connection.execute("SET synchronous_commit = off")
    for setting in ("full_page_writes = off", "max_wal_size = '2GB'"):
        connection.execute(f"ALTER SYSTEM SET {setting}".encode())
    connection.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        connection.execute("ALTER SYSTEM RESET ALL")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CHECKPOINT")


def copied_id(original: int, number: int) -> str:
    """Return the user id of a copy of an original, both by their numbers; copy 0 is the original."""
    player = _IDS[original]
    return player if number == 0 else md5(f"{player}{number}".encode(), usedforsecurity=False).hexdigest()


def store_originals(connection: Connection, catalogue: Catalogue, habits: Habits, now: Instant) -> Sequence[str]:
    """Store players with these habits, and return their ids."""
    players = _IDS
    first, last = day_of(now) - habits.days - 1, day_of(now) + DAYS_AHEAD
    run_transaction(connection, lambda connection: ledger_partitions.keep_partitions(connection, first, last))
    run_transaction(connection, lambda connection: _store(connection, catalogue, players, habits, now))
    return players


def _store(connection: Connection, catalogue: Catalogue, players: Sequence[str], habits: Habits, now: Instant) -> None:
    chance = random.Random(len(players))
    begin = now - habits.days * DAY
    connection.execute(text("store_population").encode(), [list(players), begin])
    events = [
        Event("", player, begin + day * DAY + chance.randrange(HOUR), stat, delta=_delta(stat), value=_value(stat, day))
        for player in players
        for stat in sorted(_countable(catalogue))
        for day in range(habits.days)
    ]
    tallies.merge(
        connection,
        fold(events, catalogue.day_counted, catalogue.tally_schedules, growing=catalogue.growing),
    )
    records: dict[CompletionKey, CompletionRecord] = {}
    for player in players:
        records |= _completed(player, catalogue, habits, begin, chance)
    completions.insert_missing(connection, records)
    claimed = _claimed(catalogue, records, habits, now)
    for start in range(0, len(claimed), _ROUNDS_MAX):
        outbox.store(connection, claimed[start : start + _ROUNDS_MAX], Granting(now))
    connection.execute(text("settle_grants").encode())
    grant_history.make_partition(connection, now)
    grant_history.move(connection, now + 1, len(claimed))
    for player, history in histories.read(connection, players).items():
        standings.merge(connection, recalculated(player, history, catalogue.points_schedules))


def _countable(catalogue: Catalogue) -> Sequence[Stat]:
    return [stat for stat in catalogue.wanted if stat.source in (Source.LOGIN, Source.STAT)]


def _delta(stat: Stat) -> int | None:
    return 1 if stat.source is Source.STAT else None


def _value(stat: Stat, day: int) -> int | None:
    return 1_000 + day if stat.source is Source.STAT else None


def _completed(
    player: str, catalogue: Catalogue, habits: Habits, begin: Instant, chance: random.Random
) -> Mapping[CompletionKey, CompletionRecord]:
    """Return completions of random goals on the days that the player played."""
    possible: dict[CompletionKey, tuple[Goal, Instant]] = {}
    for goal in catalogue.goals.values():
        for day in range(habits.days):
            time: Microseconds = begin + day * DAY + chance.randrange(HOUR)
            period = goal.schedule.period_at(time)
            if period is not None:
                possible.setdefault(CompletionKey(player, goal.id, period.start, 1), (goal, time))
    chosen = chance.sample(sorted(possible), min(habits.completions, len(possible)))
    times = {key: begin + chance.randrange(habits.days) * DAY + chance.randrange(HOUR) for key in chosen}
    return {
        key: record_of(goal, times[key] if key.period_start <= 0 else time, time - HOUR, key.period_start)
        for key in chosen
        for goal, time in [possible[key]]
    }


def _claimed(
    catalogue: Catalogue, records: Mapping[CompletionKey, CompletionRecord], habits: Habits, now: Instant
) -> Sequence[Claim]:
    by_player: dict[str, list[CompletionKey]] = {}
    for key in records:
        by_player.setdefault(key.user_id, []).append(key)
    return [
        Claim(key, f"claim {nth}", ClaimState.PENDING, catalogue.goals[key.goal_id].reward, grant_id(key, 1), now)
        for keys in by_player.values()
        for nth, key in enumerate(keys[: habits.claims])
    ]


def multiply(connection: Connection, table: str, copies: int, first: int = 1) -> int:
    """Insert copies of the originals' rows of a table, with the numbers `first` and up; return how many were stored.

    Copies of the same number belong to the same players in all tables.
    """
    columns = [name for [name] in connection.execute(text("population_columns").encode(), [table]).fetchall()]
    changed = {"user_id": text("copied_player"), "grant_id": "gen_random_uuid()"}
    values = ", ".join(changed.get(column, f'original."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    # The placeholders are names of the schema.
    statement = f"""
        WITH original AS (
            SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY ctid) AS nth
            FROM {table} WHERE user_id = ANY ($1)
        )
        INSERT INTO {table} ({names})
        SELECT {values} FROM original CROSS JOIN generate_series($2::integer, $3::integer) AS number
        WHERE original.nth = $4
    """  # noqa: S608
    players = _IDS
    stored = 0
    for nth in range(1, _ROUNDS_MAX):
        inserted = connection.execute(statement.encode(), [players, first, first + copies - 1, nth]).rowcount
        if not inserted:
            break
        stored += inserted
    return stored
