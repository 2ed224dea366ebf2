"""`python -m bench`: measure, and print the report.

Without table names: everything that fits into two minutes. With `--full`: everything, for longer. With names: only
these tables.
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
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bench import machine, services
from bench.calibration import changes
from bench.database import Databases
from bench.figures import Report, Table, Unit, at_most
from bench.load import Run, failures
from bench.scale import Scale
from bench.tables.batches import measure_batches
from bench.tables.board_upkeep import measure_board_upkeep
from bench.tables.boundary import measure_boundary
from bench.tables.capacity import measure_capacity
from bench.tables.citus import measure_citus
from bench.tables.claimable import measure_claimable
from bench.tables.claims import measure_claims
from bench.tables.delivery import measure_delivery
from bench.tables.duties import measure_duties
from bench.tables.erasure import measure_erasure
from bench.tables.events import measure_events
from bench.tables.goals import measure_goals
from bench.tables.history import measure_history
from bench.tables.idle import measure_idle
from bench.tables.leaderboards import measure_leaderboards
from bench.tables.lists import measure_list_sizes, measure_lists
from bench.tables.merge import measure_merge
from bench.tables.mix import measure_mix
from bench.tables.players import measure_players
from bench.tables.pools import measure_pools
from bench.tables.protection import measure_protection
from bench.tables.pruning import measure_pruning
from bench.tables.repeats import measure_repeats
from bench.tables.schedules import measure_schedules
from bench.tables.selections import measure_selections
from bench.tables.soak import measure_soak
from bench.tables.sources import measure_sources
from bench.tables.stages import measure_stages
from bench.tables.start import measure_start
from bench.tables.statistics import measure_statistics
from bench.tables.write_stages import measure_write_stages
from bench.terminal import Terminal
from bench.workbench import LOAD_CATALOGUE, Workbench

TABLES: Mapping[str, Callable[[Workbench], Table]] = {
    "lists": measure_lists,
    "list_sizes": measure_list_sizes,
    "stages": measure_stages,
    "write_stages": measure_write_stages,
    "merge": measure_merge,
    "start": measure_start,
    "idle": measure_idle,
    "repeats": measure_repeats,
    "schedules": measure_schedules,
    "boundary": measure_boundary,
    "pruning": measure_pruning,
    "pools": measure_pools,
    "selections": measure_selections,
    "goals": measure_goals,
    "events": measure_events,
    "batches": measure_batches,
    "board_upkeep": measure_board_upkeep,
    "leaderboards": measure_leaderboards,
    "players": measure_players,
    "statistics": measure_statistics,
    "claims": measure_claims,
    "claimable": measure_claimable,
    "delivery": measure_delivery,
    "history": measure_history,
    "erasure": measure_erasure,
    "duties": measure_duties,
    "protection": measure_protection,
    "mix": measure_mix,
    "sources": measure_sources,
    "capacity": measure_capacity,
    "citus": measure_citus,
    "soak": measure_soak,
}
ONLY_FULL = frozenset(
    {
        "list_sizes",
        "stages",
        "write_stages",
        "merge",
        "start",
        "idle",
        "repeats",
        "claimable",
        "schedules",
        "boundary",
        "pruning",
        "pools",
        "selections",
        "goals",
        "board_upkeep",
        "delivery",
        "history",
        "erasure",
        "duties",
        "protection",
        "mix",
    }
)
"""Tables that do not fit into two minutes."""
ONLY_BY_NAME = frozenset({"sources", "citus", "capacity", "soak"})
"""Tables that take long or gigabytes, or need what is not on every machine."""

SHORT = Scale(
    seconds=2.0,
    rounds=2,
    players=10_000,
    ranked=50_000,
    mix_s=10.0,
    soak_s=3_600.0,
    pruned=400_000,
    simulated=1_000_000,
    complete_players=84_000,
    completions=60,
    claims=20,
    play_days=3,
    catalogue=LOAD_CATALOGUE,
)
FULL = replace(SHORT, seconds=15.0, rounds=4, ranked=1_000_000, mix_s=120.0, pruned=1_000_000)

ON_DISK = Path("/var/tmp")  # noqa: S108 - a folder of our own is made in there
"""Default folder of the databases: by custom a temporary folder on disk, while `/tmp` may lie in memory."""


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0; 1 if a response or stored data is wrong; 130 after Ctrl-C. A missed target is only shown."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.tables if name not in TABLES]:
        parser.error(f"unknown table {', '.join(unknown)}; the tables are {', '.join(TABLES)}")
    try:
        arguments.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--data {arguments.data}: {error.strerror}")
    given = {name: value for name in Scale.__dataclass_fields__ if (value := getattr(arguments, name, None))}
    scale = replace(FULL if arguments.full else SHORT, **given)
    left_out = ONLY_BY_NAME if arguments.full else ONLY_BY_NAME | ONLY_FULL
    names = arguments.tables or [name for name in TABLES if name not in left_out]
    # SIGTERM ends as cleanly as Ctrl-C, which shells disable for background jobs.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        with Terminal() as terminal:
            report = _measure(names, scale, arguments.data, terminal)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.to_dict(), indent=2) + "\n", encoding="utf-8")
    return 0 if report.is_correct else 1


def _measure(names: Sequence[str], scale: Scale, data: Path, terminal: Terminal) -> Report:
    with tempfile.TemporaryDirectory(prefix="challenge-bench-", dir=data) as scratch:
        # Postgres does not run as root: its account must be able to enter, or the data would go elsewhere.
        Path(scratch).chmod(0o711)
        databases = Databases(Path(scratch) / "postgres")
        try:
            databases.server.start()
            bench = Workbench(scale, Path(scratch), databases, terminal.say)
            report = Report(_facts(bench, databases))
            terminal.show_header(report.facts)
            with bench.running(services.empty_handler(0)) as empty:
                before = bench.calibrate(empty)
                for name in names:
                    started = time.monotonic()
                    table = TABLES[name](bench)
                    _add_circumstances(table, bench.take_runs())
                    table.add("time taken", time.monotonic() - started, Unit.SECONDS)
                    after = bench.calibrate(empty)
                    table.warning, before = changes(before, after), after
                    report.tables.append(table)
                    terminal.show(table)
            return report
        finally:
            databases.server.remove()


def _add_circumstances(table: Table, runs: Sequence[Run]) -> None:
    """Add the number of failed calls, of which a quiet machine has none, and whether the figures can be trusted."""
    if runs:
        table.add("failed calls", sum(run.failed for run in runs), target=at_most(0), note=failures(runs))
        busiest = max(run.busy_generator for run in runs)
        other_load = sum(run.other_load for run in runs) / len(runs)
        table.add("cores used by the load generator, at most", busiest, note="near 1: the generator was measured")
        table.add("cores used by other programs", other_load, note="above 0.1: the machine is busy, measure again")


def _facts(bench: Workbench, databases: Databases) -> dict[str, str]:
    scale = bench.scale
    return {
        "command": shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        **machine.facts(databases.version, databases.server.data.parent),
        "services": services.settings(),
        "cores": str(bench.cores),
        "scale": f"{scale.seconds:g} s per interval, {scale.rounds} rounds of each comparison",
    }


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"only these: {', '.join(TABLES)}")
    parser.add_argument("--full", action="store_true", help="measure everything, for longer")
    parser.add_argument("--seconds", type=float, help="length of each measured interval")
    parser.add_argument("--mix-seconds", dest="mix_s", type=float, help="how long the table `mix` plays")
    parser.add_argument("--soak-seconds", dest="soak_s", type=float, help="how long the table `soak` plays")
    parser.add_argument("--players", type=int, help="number of players with a history")
    parser.add_argument("--ranked", type=int, help="number of players on a long leaderboard")
    parser.add_argument("--pruned", type=int, help="number of tallies that the table `pruning` begins with")
    parser.add_argument("--catalogue", type=Path, metavar="PATH", help="catalogue of the table `capacity`")
    parser.add_argument("--simulated", type=int, help="number of players of the table `capacity`, at least 400")
    parser.add_argument("--complete-players", type=int, help="how many of them have completions and claims")
    parser.add_argument("--completions", type=int, help="how many completions each of these has")
    parser.add_argument("--claims", type=int, help="how many of them are claimed")
    parser.add_argument("--play-days", type=int, help="on how many days they played")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", default=ON_DISK, help="folder for the databases (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report to a file as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
