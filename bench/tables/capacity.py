"""The cost of one player and of one event, and the needs of 1, 10 and 100 million players."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import count, islice

from challenge.v1 import event_service_pb2 as rpc

from admin.leaderboard_access import LeaderboardAccess
from bench.capacity_model import Assumptions, MeasuredCosts, Relation, needed
from bench.database import connected, statement
from bench.events import message
from bench.figures import Table, Unit, at_most, number, quotient
from bench.load import POSTGRES, median
from bench.population import ORIGINALS, Habits, copied_id, filling, multiply, store_originals
from bench.services import EVENT_HANDLER
from bench.tables.batches import BATCH, RATE_MAX, REPORT_BATCH, SATURATION
from bench.tables.board_upkeep import BOARDS, opened_boards
from bench.tables.packed import add_packed
from bench.workbench import Setup, Workbench, calls_for
from bench.written_log import Written, compress_wal, write
from shared.cache.cache_telemetry import report
from shared.cache.redis import Cache
from shared.domain.events import Event
from shared.domain.goal import Source, Stat
from shared.domain.instant import SECOND, day_of
from shared.domain.scores import RankingKey
from shared.runtime.clock import system_clock

MILLIONS = (1, 10, 100)
LOGGED_MAX = 10_000
"""Events of which the log is measured at a time."""
PLAYERS_AN_EVENT = 20
"""Players for each of these events at least: so there are far more pages than events."""
PAGE = 8_192
COMPLETED = ("completion", "standing", "tally")
COMPRESSION = "pglz"
"""A method that every Postgres has."""

_SIZES = statement("relation_sizes")
_FILL_LEDGER = statement("fill_ledger")
_COUNT_EVENTS = statement("count_events")

StoredSizes = Sequence[tuple[str, str, bool, int, int]]
"""Table, relation, whether it is an index, bytes, rows of the table."""


def measure_capacity(bench: Workbench) -> Table:
    """Measure players and events, and reckon from them."""
    scale = bench.scale
    habits = Habits(scale.completions, scale.play_days, scale.claims)
    table = Table(
        "capacity",
        "Capacity",
        f"{scale.simulated:,} players with tallies. {scale.complete_players:,} of them have {habits.completions} "
        f"completions on {habits.days} days, of the catalogue {scale.catalogue.name}, or as many as that allows, and "
        f"{habits.claims} claims that were delivered and moved to the history. A few were made by the service's "
        "statements, the rest are their copies, whose rows were inserted between each other's. One event of each "
        "player is in today's ledger. The log is measured with one connection, up to "
        f"{BATCH:,} events a transaction and players at random.",
    )
    setup = _filled(bench, habits)
    with connected(setup.url) as connection:
        relations, ledger_bytes = _add_sizes(table, _SIZES.rows(connection), scale.simulated, scale.complete_players)
    events = _events(setup, scale.simulated)
    cold, warm = _add_log(bench, table, setup, events)
    service_cpu_us, postgres_cpu_us = _add_cpu(bench, table, setup, events)
    measured = MeasuredCosts(
        relations=relations,
        ledger_bytes=ledger_bytes,
        wal_warm=warm.wal_bytes,
        wal_cold=cold.wal_bytes,
        service_cpu_us=service_cpu_us,
        postgres_cpu_us=postgres_cpu_us,
        score_bytes=_add_scores(bench, table, setup),
    )
    table.grid = [
        {"million players": millions, **_columns(asdict(needed(millions * 1e6, measured, Assumptions())))}
        for millions in MILLIONS
    ]
    add_packed(bench, table, setup, scale.complete_players, relations)
    return table


def _columns(need: dict[str, float]) -> dict[str, float]:
    return {name.replace("_", " ").replace("gib", "GiB"): round(value, 2) for name, value in need.items()}


def _filled(bench: Workbench, habits: Habits) -> Setup:
    """Return a database with all players."""
    scale = bench.scale
    setup = bench.empty_setup(scale.catalogue)
    if not setup.catalogue.leaderboards:
        setup = bench.changed(setup, "capacity", lambda document: document.update(leaderboards=BOARDS[:1]))
    now = system_clock()
    with connected(setup.url) as connection, filling(connection):
        store_originals(connection, setup.catalogue, habits, now)
        complete = scale.complete_players // ORIGINALS
        for name in ("player", "tally"):
            bench.say(f"capacity: storing {name}")
            multiply(connection, name, scale.simulated // ORIGINALS - 1)
        for name in ("completion", "standing", "settled_grant"):
            bench.say(f"capacity: storing {name}")
            multiply(connection, name, complete - 1)
        bench.say("capacity: filling the ledger")
        _FILL_LEDGER.rows(connection, 1, day_of(now))
        connection.execute("VACUUM (ANALYZE)")
    return setup


def _add_sizes(table: Table, sizes: StoredSizes, players: int, complete: int) -> tuple[list[Relation], float]:
    """Add bytes a row and a player; return the tables of players, and the bytes an event in the ledger."""
    relations: list[Relation] = []
    ledger = 0.0
    of_completed = 0.0
    for name in dict.fromkeys(name for name, *_ in sizes):
        parts = [(relation, is_index, size) for stored, relation, is_index, size, _ in sizes if stored == name]
        rows = sum(rows for stored, _, is_index, _, rows in sizes if stored == name and not is_index)
        whole = sum(size for *_, size in parts)
        note = ", ".join(f"{relation} {number(round(size / rows, 1))}" for relation, _, size in parts if size > rows)
        if name == "event_seen":
            ledger = whole / rows
            table.add("bytes an event in the ledger", ledger, Unit.BYTES)
            continue
        owners = players if name in ("player", "tally") else complete
        table.add(f"bytes a row of {name}", whole / rows, Unit.BYTES, note=f"{rows / owners:.3g} rows a player; {note}")
        if name in COMPLETED:
            of_completed += whole / owners
        for relation, is_index, size in parts:
            on_a_page = rows / max(size / PAGE, 1)
            # A player's entries lie side by side in an index, and the rows far from each other.
            relations.append(
                Relation(
                    name=relation,
                    bytes_a_player=size / owners,
                    players_on_a_page=on_a_page / (rows / owners) if is_index else on_a_page,
                )
            )
    table.add("bytes a player: completion, standing and tally", of_completed, Unit.BYTES)
    table.add("bytes a player: everything but the ledger", sum(each.bytes_a_player for each in relations), Unit.BYTES)
    return relations, ledger


def _events(setup: Setup, players: int) -> Iterator[Event]:
    """Yield events of random players without end, in random stats of the catalogue."""
    chance = random.Random(players)
    stats = sorted(stat for stat in setup.catalogue.wanted if stat.source in (Source.LOGIN, Source.STAT))
    copies = players // ORIGINALS
    for value in count(2_000):
        stat: Stat = chance.choice(stats)
        player = copied_id(chance.randrange(ORIGINALS), chance.randrange(copies))
        event = Event(f"{chance.getrandbits(128):032x}", player, system_clock() - SECOND, stat)
        yield event._replace(delta=1, value=value) if stat.source is Source.STAT else event


def _add_log(bench: Workbench, table: Table, setup: Setup, events: Iterator[Event]) -> tuple[Written, Written]:
    """Add the write-ahead log and the CPU of an event, with and without compression.

    Return the uncompressed figures on pages untouched since the checkpoint, and on others.
    """
    rounds: list[tuple[Written, Written, Written, Written]] = []
    with connected(setup.url) as connection:
        connection.execute("SET statement_timeout = 0")
        for _ in bench.rounds("capacity: the log", bench.scale.rounds):
            written: list[Written] = []
            for method in ("off", COMPRESSION):
                compress_wal(connection, method)
                batches = _batches(events, bench.scale.simulated)
                again = [[event._replace(event_id=f"{event.event_id} again") for event in batch] for batch in batches]
                written.append(write(connection, setup.catalogue, batches, cold=True))
                written.append(write(connection, setup.catalogue, again, cold=False))
            rounds.append((written[0], written[1], written[2], written[3]))
    cold, warm, packed, packed_warm = (_middle(each) for each in zip(*rounds, strict=True))
    images = f"{cold.images:.2f} images of pages an event"
    table.add("WAL an event, pages untouched since the checkpoint", cold.wal_bytes, Unit.BYTES, note=images)
    images = f"{warm.images:.2f} images an event"
    table.add("WAL an event, pages changed since", warm.wal_bytes, Unit.BYTES, note=images)
    table.add("WAL an event, untouched pages, compressed", packed.wal_bytes, Unit.BYTES, note=COMPRESSION)
    compressed = quotient(packed.wal_bytes, cold.wal_bytes)
    table.add("WAL, compressed relative to uncompressed", compressed, Unit.RATIO, at_most(0.7))
    table.add("CPU of Postgres an event, untouched pages", cold.postgres_cpu_us, Unit.MICROSECONDS)
    table.add("CPU of Postgres an event, untouched pages, compressed", packed.postgres_cpu_us, Unit.MICROSECONDS)
    cpu = f"compressed {packed_warm.postgres_cpu_us:.1f} µs"
    table.add("CPU of Postgres an event, pages changed since", warm.postgres_cpu_us, Unit.MICROSECONDS, note=cpu)
    return cold, warm


def _batches(events: Iterator[Event], players: int) -> list[list[Event]]:
    count = min(LOGGED_MAX, players // PLAYERS_AN_EVENT)
    return [list(islice(events, min(BATCH, count))) for _ in range(max(1, count // BATCH))]


def _middle(runs: Sequence[Written]) -> Written:
    """Return the median of each figure."""
    return Written(*(median(list(each)) for each in zip(*runs, strict=True)))


def _add_cpu(bench: Workbench, table: Table, setup: Setup, events: Iterator[Event]) -> tuple[float, float]:
    """Add the CPU of an event in the service and in Postgres, and whether every event is in the ledger."""
    before = _count(setup)
    with bench.service(EVENT_HANDLER, setup) as handler:
        requests = (
            rpc.ReportEventsRequest(events=map(message, islice(events, BATCH))).SerializeToString()
            for _ in range(calls_for(bench.scale.long_run, RATE_MAX / BATCH))
        )
        bench.say("capacity: events by calls")
        run = bench.play(handler, REPORT_BATCH, requests, SATURATION, bench.scale.long_run)
    acknowledged = sum(code == 0 for code in run.played.codes) * BATCH
    table.check("acknowledged events that are not in the ledger", max(0, acknowledged - (_count(setup) - before)))
    service, postgres = run.cpu_us() / BATCH, run.cpu_us(POSTGRES) / BATCH
    table.add("CPU of the service an event", service, Unit.MICROSECONDS, note=f"batches of {BATCH:,}")
    table.add("CPU of Postgres an event", postgres, Unit.MICROSECONDS, note=f"{run.rate * BATCH:,.0f} events/s")
    return service, postgres


def _count(setup: Setup) -> int:
    with connected(setup.url) as connection:
        connection.execute("SET statement_timeout = 0")
        return int(_COUNT_EVENTS.value(connection))


def _add_scores(bench: Workbench, table: Table, setup: Setup) -> float:
    """Add the memory that a score takes in Valkey, and return it in bytes."""
    bench.say("capacity: building leaderboards")
    with bench.redis() as redis_url:
        before = _used_bytes(redis_url)
        with opened_boards(setup, redis_url) as access:
            open_rankings = access.open_rankings()
            for ranking in access.boards.missing(open_rankings):
                access.build(ranking, lambda _: None)
            scores = sum(_size(access, ranking) for ranking in open_rankings)
        score = quotient(_used_bytes(redis_url) - before, scores)
    table.add("bytes a score in Valkey", score, Unit.BYTES, note=f"of {scores:,}")
    return score


def _size(access: LeaderboardAccess, ranking: RankingKey) -> int:
    page = access.boards.top(access.catalogue.leaderboard_by_id[ranking.board_id], ranking.period_start, 1, 1)
    return 0 if page is None else page.size


def _used_bytes(redis_url: str) -> int:
    """Return the memory that Valkey uses."""
    with closing(Cache(redis_url, connections_max=1)) as cache:
        cache.probe()
        return report(cache).used_bytes
