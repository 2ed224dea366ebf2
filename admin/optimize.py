"""`python -m admin optimize`: everything that makes a running backend quick again, in one command."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from admin.board_access import board_access
from admin.cache_steps import buffer_steps, clear_steps, ranking_steps, top_steps
from admin.maintenance_steps import index_steps, table_steps
from admin.numbers import whole_number
from admin.opening import load_catalogue, open_cache_if_set, open_database, setting, stop
from admin.steps import Step, impossible, perform, said
from shared.cache.redis import Cache
from shared.domain.instant import day_of
from shared.postgres.maintenance.maintenance import MaintenanceRefused, MaintenanceSession, maintenance
from shared.runtime.clock import system_clock

PLAYERS_DEFAULT, PLAYERS_MAX = 20_000, 10_000_000
"""The default are some 100,000 rows, read in seconds."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "optimize",
        help="clear caches, repair indexes, vacuum and analyze, warm caches",
        description="Looks what is worth doing, does it beside the services that run, and says how long it took. "
        "In this order, whatever is asked for:",
        epilog="Exit status: 0 all was done that had to be, 1 not so.",
    )
    parser.add_argument("--clear-caches", action="store_true", help="drop all our keys in Redis, and no others")
    parser.add_argument(
        "--create-indexes", action="store_true", help="create indexes of the migrations that are missing or invalid"
    )
    parser.add_argument("--analyze", action="store_true", help="vacuum and analyze tables that have changed much")
    parser.add_argument(
        "--warm-caches",
        action="store_true",
        help="build rankings that Redis lacks, and read into Postgres' buffers what calls will read",
    )
    parser.add_argument("--full", action="store_true", help="all four")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument(
        "--warm-players",
        type=whole_number(0, PLAYERS_MAX),
        default=PLAYERS_DEFAULT,
        metavar="N",
        help=f"read the rows of so many players at most, 0 to {PLAYERS_MAX:,} (default: %(default)s)",
    )
    parser.set_defaults(run=lambda arguments: _run(arguments, parser))


def _run(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if arguments.full:
        arguments.clear_caches = arguments.create_indexes = arguments.analyze = arguments.warm_caches = True
    if not (arguments.clear_caches or arguments.create_indexes or arguments.analyze or arguments.warm_caches):
        parser.error("say what to do, or --full")
    try:
        with maintenance(setting("DATABASE_URL")) as session, open_cache_if_set() as cache:
            done = perform(_steps(arguments, session, cache), dry=arguments.dry_run)
    except MaintenanceRefused as refusal:
        stop(str(refusal))
    return 0 if done else 1


def _steps(arguments: argparse.Namespace, session: MaintenanceSession, cache: Cache | None) -> Iterator[Step]:
    catalogue = load_catalogue() if arguments.warm_caches else None
    away = "REDIS_URL is not set" if cache is None else cache.probe()
    if arguments.clear_caches:
        yield from clear_steps(cache) if cache is not None and away is None else [_without("Redis", cache, away)]
    if arguments.create_indexes:
        yield from index_steps(session)
    if arguments.analyze:
        yield from table_steps(session)
    if catalogue is not None:
        if cache is not None and away is None:
            with open_database("optimize") as database:
                yield from ranking_steps(board_access(database, catalogue, cache))
        else:
            yield _without("rankings", cache, away)
        yield from top_steps(session, catalogue)
        yield from buffer_steps(session, day_of(system_clock()), arguments.warm_players)


def _without(what: str, cache: Cache | None, away: str | None) -> Step:
    """Without Redis there is nothing to do; a Redis that is away is a failure."""
    return said(what, str(away)) if cache is None else impossible(what, str(away))
