"""Steps of `optimize`: tables and indexes, caches, and a table of the outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice

from rich.progress import Progress

from admin.leaderboard_access import LeaderboardAccess, count_players
from admin.opening import agreed_prefix
from admin.terminal import progress_bars, ranking_text, show
from shared.cache import clearing
from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.keys import KeySpace
from shared.cache.redis import Cache
from shared.domain.catalogue import Catalogue
from shared.domain.errors import ChallengeError
from shared.domain.instant import Day
from shared.domain.leaderboard import RankedPage
from shared.domain.maintenance import IndexWork, TableWork, index_work, table_work
from shared.domain.scores import RankingKey
from shared.postgres import database_identity
from shared.postgres.connection import Connection
from shared.postgres.leaderboards import scores
from shared.postgres.leaderboards.ranking_readers import RankingReader
from shared.postgres.maintenance import index_definitions, maintenance, maintenance_commands
from shared.postgres.maintenance.maintenance import MaintenanceRefused, MaintenanceSession, activity, is_alone

Advance = Callable[[int], object]
"""Called with the number of further units that are done."""


class NotDone(Exception):
    """A step could not be done."""


_FAILURES = (NotDone, MaintenanceRefused, CacheUnavailable, CacheRefused, ChallengeError)


class Steps:
    """Does steps one after the other and keeps their outcomes. A dry run changes nothing."""

    def __init__(self, bars: Progress, *, dry: bool) -> None:
        self._bars = bars
        self._dry = dry
        self.outcomes: list[tuple[str, str, str]] = []
        self.complete = True
        """True if no step has failed."""

    def do(self, name: str, work: Callable[[Advance], str], total: int | None = None) -> None:
        """Do a step of `total` units, if that is known. `work` returns the outcome, or raises `NotDone`."""
        if self._dry:
            self.outcomes.append((name, "would be done", ""))
            return
        task = self._bars.add_task(name, total=total)
        started = time.monotonic()
        try:
            outcome = work(lambda units: self._bars.advance(task, units))
        except _FAILURES as failure:
            self.complete, outcome = False, f"not done: {_text(failure)}"
        self._bars.update(task, total=1, completed=1)
        self.outcomes.append((name, outcome, f"{time.monotonic() - started:.2f}"))

    def skip(self, name: str, why: str) -> None:
        """Note that there is nothing to do."""
        self.outcomes.append((name, why, ""))

    def fail(self, name: str, why: str) -> None:
        """Note that something has to be done, and cannot be."""
        self.complete = False
        self.skip(name, f"not done: {why}")


@contextmanager
def steps(*, dry: bool) -> Iterator[Steps]:
    """Yield an object that does steps, and print their outcomes at the end."""
    with progress_bars() as bars:
        taken = Steps(bars, dry=dry)
        try:
            yield taken
        except _FAILURES as failure:
            taken.fail("determine the remaining steps", _text(failure))
    show(("step", "outcome", "seconds"), taken.outcomes)


def _text(failure: Exception) -> str:
    return "Redis does not respond" if isinstance(failure, CacheUnavailable) else str(failure)


_INDEX_COMMANDS = {
    IndexWork.CREATE: index_definitions.create_index,
    IndexWork.REBUILD: maintenance_commands.rebuild_index,
    IndexWork.DROP: maintenance_commands.drop_index,
}
_TABLE_COMMANDS = {TableWork.VACUUM: maintenance_commands.vacuum, TableWork.ANALYZE: maintenance_commands.analyze}


def repair_indexes(steps: Steps, session: MaintenanceSession) -> None:
    """Give the database the indexes of the migrations, without blocking writers."""
    if not session.do(is_alone):
        steps.fail("indexes", "somebody else migrates or creates indexes at the moment")
        return
    wanted = index_definitions.wanted_indexes()
    todo = list(index_work(wanted, session.do(index_definitions.present_indexes)))
    if not todo:
        steps.skip("indexes", f"all {len(wanted)} are there and valid")
    for index, work in todo:
        target = f"index {index.name} of {index.table}"
        if work is IndexWork.BY_HAND:
            steps.fail(target, f"{work}; the migrations say: {index.definition}")
        else:
            steps.do(f"{work} {target}", _command(session, _INDEX_COMMANDS[work], index.name))


def tidy_tables(steps: Steps, session: MaintenanceSession) -> None:
    """Vacuum and analyze the tables that have changed much."""
    todo = table_work(session.do(activity))
    if not todo:
        steps.skip("tables", "none has changed so much that it would be worth it")
    for table, work in todo.items():
        steps.do(f"{work} {table}", _command(session, _TABLE_COMMANDS[work], table))


def _command(
    session: MaintenanceSession, command: Callable[[Connection, str], None], target: str
) -> Callable[[Advance], str]:
    def work(_: Advance) -> str:
        session.do(lambda connection: command(connection, target))
        return "done"

    return work


PORTION = 500
"""Players whose rows one statement reads."""
TOP = 100
"""Players on a page of `ListLeaderboard`."""


def clear_redis(steps: Steps, cache: Cache, session: MaintenanceSession) -> None:
    """Drop the keys in Redis that belong to this Postgres database, by their prefix; keys of others stay.

    Until rankings are rebuilt, reads go to Postgres.
    """
    identity = session.do(database_identity.read)
    space = KeySpace(agreed_prefix(identity), identity.key)
    keys = sum(len(batch) for batch in clearing.keys(cache, space))
    if keys:
        steps.do(f"drop {keys:,} keys in Redis", lambda _: f"{clearing.clear(cache, space):,} keys dropped")
    else:
        steps.skip("Redis", "holds no keys of ours")


def build_rankings(steps: Steps, access: LeaderboardAccess) -> None:
    """Build the rankings that Redis lacks."""
    missing = access.boards.missing(access.open_rankings())
    if not missing:
        steps.skip("rankings", "Redis has all of them")
    for ranking in missing:
        players = count_players(access.database, ranking)
        steps.do(f"build {ranking_text(ranking)}", partial(_build, access, ranking, players), players)


def _build(access: LeaderboardAccess, ranking: RankingKey, players: int, advance: Advance) -> str:
    problem = access.build(ranking, advance)
    if problem is not None:
        raise NotDone(problem)
    return f"{players:,} players"


def read_tops(steps: Steps, session: MaintenanceSession, catalogue: Catalogue) -> None:
    """Read the top players as the database serves them while Redis cannot be reached."""
    boards = catalogue.leaderboard_by_id
    rankings = [ranking for ranking in session.do(scores.open_rankings) if ranking.board_id in boards]

    def top(connection: Connection, ranking: RankingKey) -> RankedPage | None:
        return RankingReader(connection).top(boards[ranking.board_id], ranking.period_start, 1, TOP)

    def work(advance: Advance) -> str:
        players = 0
        for ranking in rankings:
            page = session.do(partial(top, ranking=ranking))
            if page is None:
                return "the database has ranked no players yet; running services do that"
            players += len(page.ranked)
            advance(1)
        return f"{players:,} players"

    if rankings:
        steps.do(f"read the first {TOP} players of {len(rankings)} rankings", work, len(rankings))


def fill_buffers(steps: Steps, session: MaintenanceSession, today: Day, players_max: int) -> None:
    """Read into the buffers of Postgres the pages that calls are about to read."""
    indexes = session.do(maintenance.indexes_to_warm)
    if indexes:
        steps.do("warm indexes", partial(_warm, session, indexes), len(indexes))
    else:
        steps.skip("warm indexes", "the extension pg_prewarm is not installed")
    if players_max:
        name = f"read the rows of up to {players_max:,} players who were active yesterday or today"
        steps.do(name, partial(_read_players, session, today, players_max), players_max)


def _warm(session: MaintenanceSession, indexes: list[str], advance: Advance) -> str:
    pages = 0
    for name in indexes:
        pages += session.do(partial(maintenance.warm_index, name=name))
        advance(1)
    return f"{len(indexes)} indexes, {pages:,} pages"


def _read_players(session: MaintenanceSession, today: Day, players_max: int, advance: Advance) -> str:
    players, rows = 0, 0
    for portion in islice(_players(session, today), players_max // PORTION + 1):
        wanted = portion[: players_max - players]
        rows += session.do(partial(maintenance.read_rows, user_ids=wanted))
        players += len(wanted)
        advance(len(wanted))
    return f"{players:,} players, {rows:,} rows"


def _players(session: MaintenanceSession, today: Day) -> Iterator[list[str]]:
    for day in (today, today - 1):
        after = ""
        while portion := session.do(partial(maintenance.players_seen, day=day, after=after, limit=PORTION)):
            yield portion
            after = portion[-1]
