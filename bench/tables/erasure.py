"""Export and erasure of players with 5,000 completions, while events arrive; and the import of players."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice, product
from statistics import median

from bench.database import connected, opened
from bench.figures import Table, Unit, at_least, at_most
from bench.load import Run
from bench.services import EVENT_HANDLER
from bench.tables.calls import add_medians, add_ratio
from bench.tables.events import RATE, REPORT, report_request
from bench.workbench import Setup, Workbench, calls_for
from shared.domain.erasure import key_hash, player_hash, pseudonym_of
from shared.domain.events import CompletionKey
from shared.domain.instant import LIFETIME_START
from shared.domain.operator_acts import Acting
from shared.domain.player_lines import LineReader
from shared.domain.standings import CompletionRecord
from shared.operations.operators.erase_player import erase_player
from shared.operations.operators.export_player import export_player
from shared.operations.operators.import_players import PlayerImport, batches
from shared.operations.operators.resting import rest_after
from shared.postgres.connection import Connection
from shared.postgres.goals import completions
from shared.postgres.operators import player_import
from shared.postgres.operators.player_data import ErasedPlayer
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

OCCURRENCES = 10
"""Completions of each of the 500 goals."""
VETERANS = 40
"""More than are erased in a run."""
IMPORTED = 6_000
TALLIES = 20
PATIENCE_S = 30.0


def measure_erasure(bench: Workbench) -> Table:
    """Measure exports and erasures, events meanwhile, and the import of players."""
    table = Table(
        "erasure",
        "Export, erasure and import of players",
        f"Players with 5,000 completions are exported and erased one after the other; events at {RATE:g}/s, "
        f"alternately without and with it. {IMPORTED:,} players with {TALLIES} tallies each are imported into an empty "
        "database.",
    )
    eraser = _Eraser()
    pairs: list[tuple[Run, Run]] = []
    for _ in bench.rounds("erasure", bench.scale.rounds):
        with bench.setup() as setup:
            _store_veterans(setup)
            without = _report(bench, setup)
            with eraser.erasing(setup.url):
                pairs.append((_report(bench, setup), without))
    table.add("export of a player, median", median(eraser.exports) * 1_000, Unit.MILLISECONDS)
    table.add("erasure of a player, median", median(eraser.erasures) * 1_000, Unit.MILLISECONDS, at_most(2_000))
    slowest = f"of {len(eraser.erasures)}"
    table.add("slowest erasure", max(eraser.erasures) * 1_000, Unit.MILLISECONDS, at_most(2_000), slowest)
    add_medians(table, "latency while erasing", pairs, _p95_ms, Unit.MILLISECONDS, "p95")
    add_ratio(table, "p95 latency, erasing relative to not erasing", pairs, _p95_ms, at_most(1.5))
    table.add("players imported in a second", _import(bench), Unit.COUNT, at_least(2_000))
    return table


def _p95_ms(run: Run) -> float:
    return run.latency_ms(0.95)


def _veterans() -> list[str]:
    return [f"veteran {number}" for number in range(VETERANS)]


def _store_veterans(setup: Setup) -> None:
    goals = list(setup.catalogue.goals)
    with connected(setup.url) as connection:
        for user_id in _veterans():
            run_transaction(connection, partial(_complete, user_id=user_id, goals=goals))
        connection.execute("VACUUM (ANALYZE) completion")
        connection.execute("CHECKPOINT")


def _complete(connection: Connection, user_id: str, goals: Sequence[str]) -> None:
    keys = (CompletionKey(user_id, *of_goal) for of_goal in product(goals, [LIFETIME_START], range(1, OCCURRENCES + 1)))
    completions.insert_missing(connection, dict.fromkeys(keys, CompletionRecord(challenge_id="arena")))


class _Eraser:
    """Exports and erases players in a thread, and notes how long each took in seconds."""

    def __init__(self) -> None:
        self.exports: list[float] = []
        self.erasures: list[float] = []

    def erasing(self, url: str) -> _Erasing:
        """Return a context in which players are exported and erased."""
        return _Erasing(url, self)

    def work(self, url: str, over: threading.Event) -> None:
        """Export and erase players until it is over, or all are erased."""
        with opened(url) as database:
            for number, user_id in enumerate(_veterans()):
                if over.is_set():
                    return
                started, deadline = time.monotonic(), time.monotonic() + PATIENCE_S
                export_player(database, user_id, deadline)
                exported = time.monotonic()
                erased = ErasedPlayer(user_id, pseudonym_of(f"{number:016x}"), player_hash(user_id, b""), key_hash(b""))
                erase_player(database, erased, Acting(system_clock(), "bench", "bench"), deadline)
                self.exports.append(exported - started)
                self.erasures.append(time.monotonic() - exported)
                rest_after(exported)


class _Erasing:
    def __init__(self, url: str, eraser: _Eraser) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=eraser.work, args=(url, self._over))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _report(bench: Workbench, setup: Setup) -> Run:
    with bench.service(EVENT_HANDLER, setup) as handler:
        events = list(islice(setup.play.events(system_clock()), calls_for(bench.scale.long_run, RATE)))
        run = bench.play_at(handler, REPORT, map(report_request, events), RATE, writes="floor_event")
        setup.play.undo([[event] for event in events[len(run.played.codes) :]])
        return run


def _import(bench: Workbench) -> float:
    """Return the number of players that are imported in a second."""
    setup = bench.empty_setup()
    with opened(setup.url) as database:
        tables = database.autocommit(player_import.tables_of_players, time.monotonic() + PATIENCE_S)
        importing = PlayerImport(database, setup.catalogue, tables, "bench", dry=False)
        texts = list(_lines())
        started = time.monotonic()
        reader = LineReader(tables, setup.catalogue, "bench")
        for batch in batches(reader.rows(texts)):
            importing.store(batch)
        return importing.outcome.players / (time.monotonic() - started)


def _lines() -> Iterator[str]:
    for player, stat in product(range(IMPORTED), range(TALLIES)):
        tally = {"source": "stat", "stat_code": f"stat {stat}", "sum": player, "events": 1 + stat, "highest": player}
        yield json.dumps({"table": "tally", "user_id": f"imported {player:06}", **tally})
