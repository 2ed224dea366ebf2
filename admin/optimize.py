"""`python -m admin optimize`: makes a running backend fast again, in one command."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext

import click

from admin.arguments import acts, count_option, dry_run
from admin.leaderboard_access import leaderboard_access
from admin.opening import cache_problem, database_address, load_catalogue, open_cache_if_set, open_database, stop
from admin.optimize_steps import (
    Steps,
    build_rankings,
    clear_redis,
    fill_buffers,
    read_tops,
    repair_indexes,
    steps,
    tidy_tables,
)
from shared.cache.redis import Cache
from shared.domain.instant import day_of
from shared.domain.operator_acts import Acting, ActKind, ActOutcome, OperatorAct
from shared.postgres.maintenance.maintenance import MaintenanceRefused, MaintenanceSession, maintenance
from shared.postgres.operators import operator_audit
from shared.runtime.clock import system_clock

PLAYERS_DEFAULT, PLAYERS_MAX = 20_000, 10_000_000
"""Players whose rows are read; the default are some 100,000 rows, read in seconds."""


@click.command(epilog="Exit status: 0 all that had to be done was done, 1 not all.")
@click.option("--clear-caches", is_flag=True, help="Drop the keys of this database in Redis, and no others.")
@click.option("--create-indexes", is_flag=True, help="Create indexes of the migrations that are missing or invalid.")
@click.option("--analyze", is_flag=True, help="Vacuum and analyze tables that have changed much.")
@click.option(
    "--warm-caches",
    is_flag=True,
    help="Build rankings that Redis lacks, and read into Postgres' buffers the pages that calls will read.",
)
@click.option("--full", is_flag=True, help="All four.")
@dry_run
@count_option("--warm-players", 0, PLAYERS_MAX, PLAYERS_DEFAULT, "Read the rows of at most N players.")
@acts
def optimize(full: bool, dry_run: bool, warm_players: int, acting: Acting, **parts: bool) -> int:
    """Repair indexes, vacuum tables, clear and warm caches.

    Only what is worth doing is done, while services run. A table shows how long each step took. The order is always
    that of the options.
    """
    wanted = {part for part, is_wanted in parts.items() if is_wanted or full}
    if not wanted:
        raise click.UsageError("say what to do, or --full")
    try:
        with (
            maintenance(database_address()) as session,
            open_cache_if_set() as cache,
            steps(dry=dry_run) as taken,
            nullcontext(ActOutcome()) if dry_run else _noted(session, wanted, acting) as outcome,
        ):
            try:
                _take(taken, wanted, warm_players, session, cache)
            finally:
                outcome.complete = taken.complete
                outcome.details["steps"] = [f"{name}: {result}" for name, result, _ in taken.outcomes]
    except MaintenanceRefused as refusal:
        stop(str(refusal))
    return 0 if taken.complete else 1


def _noted(session: MaintenanceSession, wanted: Collection[str], acting: Acting) -> AbstractContextManager[ActOutcome]:
    act = OperatorAct(ActKind.OPTIMIZE, acting, details={"parts": sorted(wanted)})
    return operator_audit.noted(session.do, act, system_clock)


def _take(steps: Steps, wanted: set[str], players_max: int, session: MaintenanceSession, cache: Cache | None) -> None:
    catalogue = load_catalogue() if "warm_caches" in wanted else None
    problem = None if cache is None else cache_problem(cache)
    if "clear_caches" in wanted:
        if cache is None or problem is not None:
            _skip_without_redis(steps, "Redis", problem)
        else:
            clear_redis(steps, cache, session)
    if "create_indexes" in wanted:
        repair_indexes(steps, session)
    if "analyze" in wanted:
        tidy_tables(steps, session)
    if catalogue is not None:
        if cache is None or problem is not None:
            _skip_without_redis(steps, "rankings", problem)
        else:
            with open_database("optimize") as database:
                build_rankings(steps, leaderboard_access(database, catalogue, cache))
        read_tops(steps, session, catalogue)
        fill_buffers(steps, session, day_of(system_clock()), players_max)


def _skip_without_redis(steps: Steps, name: str, problem: str | None) -> None:
    """Skip a step. It counts as failed if Redis is set, but cannot be reached."""
    if problem is None:
        steps.skip(name, "REDIS_URL is not set")
    else:
        steps.fail(name, problem)
