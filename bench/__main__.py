"""`python -m bench`: measure, and print the report.

Without names: what takes under two minutes. With `--full`: everything, longer. With names: these tables.
"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench import machine, services
from bench.database import Databases
from bench.figures import Table, Unit
from bench.load import Run
from bench.report import Report
from bench.tables.batches import measure_batches
from bench.tables.board_upkeep import measure_board_upkeep
from bench.tables.claims import measure_claims
from bench.tables.cold import measure_cold
from bench.tables.delivery import measure_delivery
from bench.tables.events import measure_events
from bench.tables.ghz import measure_ghz
from bench.tables.goals import measure_goals
from bench.tables.leaderboards import measure_leaderboards
from bench.tables.ledger import measure_ledger
from bench.tables.list_sizes import measure_list_sizes
from bench.tables.lists import measure_lists
from bench.tables.merge import measure_merge
from bench.tables.mix import measure_mix
from bench.tables.players import measure_players
from bench.tables.queue import measure_queue
from bench.tables.soak import measure_soak
from bench.tables.statistics import measure_statistics
from bench.tables.telemetry import measure_telemetry
from bench.tables.together import measure_together
from bench.tables.workers import measure_workers
from bench.terminal import Terminal
from bench.workplace import Terms, Workplace

TABLES: Mapping[str, Callable[[Workplace], Table]] = {
    "lists": measure_lists,
    "list_sizes": measure_list_sizes,
    "events": measure_events,
    "batches": measure_batches,
    "merge": measure_merge,
    "board_upkeep": measure_board_upkeep,
    "leaderboards": measure_leaderboards,
    "players": measure_players,
    "statistics": measure_statistics,
    "claims": measure_claims,
    "delivery": measure_delivery,
    "queue": measure_queue,
    "cold": measure_cold,
    "workers": measure_workers,
    "ghz": measure_ghz,
    "telemetry": measure_telemetry,
    "together": measure_together,
    "goals": measure_goals,
    "ledger": measure_ledger,
    "mix": measure_mix,
    "soak": measure_soak,
}
ONLY_FULL = frozenset(
    {
        "list_sizes",
        "board_upkeep",
        "delivery",
        "queue",
        "cold",
        "workers",
        "ghz",
        "telemetry",
        "together",
        "goals",
        "ledger",
        "mix",
    }
)
"""What does not fit into two minutes."""
ONLY_BY_NAME = frozenset({"soak"})
"""What takes an hour."""

SOAK_S = 3_600.0

SHORT = Terms(seconds=2.0, rounds=2, players=10_000, queued=50_000, mix_s=10.0, soak_s=SOAK_S)
FULL = Terms(seconds=15.0, rounds=4, players=10_000, queued=1_000_000, mix_s=120.0, soak_s=SOAK_S)

ON_DISK = Path("/var/tmp")  # noqa: S108 - a folder of our own is made in there
"""Where the data goes: by custom a temporary folder on a disk, where `/tmp` may lie in memory."""


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0; 1 if an answer or what is stored is wrong; 130 after Ctrl-C. A target that is missed is only shown."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.tables if name not in TABLES]:
        parser.error(f"there is no table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    default = FULL if arguments.full else SHORT
    terms = Terms(
        seconds=arguments.seconds or default.seconds,
        rounds=default.rounds,
        players=arguments.players or default.players,
        queued=arguments.queued or default.queued,
        mix_s=arguments.mix_seconds or default.mix_s,
        soak_s=arguments.soak_seconds or default.soak_s,
    )
    left_out = ONLY_BY_NAME if arguments.full else ONLY_BY_NAME | ONLY_FULL
    names = arguments.tables or [name for name in TABLES if name not in left_out]
    # A supervisor's way to stop ends as tidily as Ctrl-C does, which shells turn off for what runs in the background.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        with Terminal() as terminal:
            report = _measure(names, terms, arguments.data, terminal)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.to_dict(), indent=2) + "\n", encoding="utf-8")
    return 0 if report.is_correct else 1


def _measure(names: Sequence[str], terms: Terms, data: Path, terminal: Terminal) -> Report:
    with tempfile.TemporaryDirectory(prefix="challenge-bench-", dir=data) as scratch:
        # Postgres does not run as root: its account has to get through, or the data would go elsewhere.
        Path(scratch).chmod(0o711)
        databases = Databases(Path(scratch) / "postgres")
        try:
            databases.start()
            place = Workplace(terms, Path(scratch), databases, terminal.say)
            report = Report(_facts(place, databases))
            terminal.show_header(report.facts)
            for name in names:
                started = time.monotonic()
                table = TABLES[name](place)
                _add_circumstances(table, place.take_runs())
                table.add("time taken", time.monotonic() - started, Unit.SECONDS)
                report.tables.append(table)
                terminal.show(table)
            return report
        finally:
            databases.remove()


def _add_circumstances(table: Table, runs: Sequence[Run]) -> None:
    """Add what tells whether the figures can be believed."""
    if runs:
        busiest = max(run.busy_generator for run in runs)
        strangers = sum(run.strangers for run in runs) / len(runs)
        table.add("cores that the generator took at most", busiest, note="near 1: it is what was measured")
        table.add("cores busy with other things", strangers, note="above 0.1: not a quiet machine, measure again")


def _facts(place: Workplace, databases: Databases) -> dict[str, str]:
    terms = place.terms
    return {
        "command": shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        **machine.machine(),
        **machine.versions(databases.version),
        **machine.disk(databases.data.parent),
        "services": services.settings(),
        "cores": str(place.cores),
        "terms": f"{terms.seconds:g} s an interval, {terms.rounds} rounds where things are compared in turns",
    }


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"only these: {', '.join(TABLES)}")
    parser.add_argument("--full", action="store_true", help="everything, and longer")
    parser.add_argument("--seconds", type=float, help="length of each measured interval")
    parser.add_argument("--mix-seconds", type=float, help="how long the table `mix` plays a whole game")
    parser.add_argument("--soak-seconds", type=float, help="how long the table `soak` does")
    parser.add_argument("--players", type=int, help="how many players have a history")
    parser.add_argument("--queued", type=int, help="how many grants are in the long queue")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", default=ON_DISK, help=f"where the databases go; without it {ON_DISK}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report to a file as well, for machines")
    return parser


if __name__ == "__main__":
    sys.exit(main())
