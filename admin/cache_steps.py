"""Steps that clear caches and warm them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

from admin.board_access import BoardAccess, count_players
from admin.board_building import build_one
from admin.steps import NotDone, Progress, Step, said
from admin.terminal import ranking_text
from shared.cache import clearing
from shared.cache.redis import Cache
from shared.domain.catalogue import Catalogue, Leaderboard
from shared.domain.instant import Day, Instant
from shared.domain.rankings import RankedPage
from shared.domain.scores import RankingKey
from shared.postgres.connection import Connection
from shared.postgres.leaderboards import scores
from shared.postgres.leaderboards.ranking_readers import RankingReader
from shared.postgres.maintenance.maintenance import (
    MaintenanceSession,
    indexes_to_warm,
    players_seen,
    read_rows,
    warm_index,
)

PORTION = 500
TOP = 100
"""A page of `ListLeaderboard`."""


def clear_steps(cache: Cache) -> Iterator[Step]:
    """Drop all keys of ours in Redis. Until rankings are built again, the database answers."""
    keys = sum(map(len, clearing.keys(cache)))
    if not keys:
        yield said("Redis", "holds no keys of ours")
        return
    yield Step(f"drop {keys:,} keys in Redis", lambda _: f"{clearing.clear(cache):,} keys dropped")


def ranking_steps(access: BoardAccess) -> Iterator[Step]:
    """Build the rankings that Redis lacks."""
    missing = access.boards.missing(access.open_rankings())
    if not missing:
        yield said("rankings", "Redis has all of them")
    for ranking in missing:
        yield _ranking_step(access, ranking)


def _ranking_step(access: BoardAccess, ranking: RankingKey) -> Step:
    players = count_players(access.database, ranking)

    def build(progress: Progress) -> str:
        problem = build_one(access, ranking, progress)
        if problem is not None:
            raise NotDone(problem)
        return f"{players:,} players"

    return Step(f"build {ranking_text(ranking)}", build, players)


def buffer_steps(session: MaintenanceSession, today: Day, players_max: int) -> Iterator[Step]:
    """Read into the buffers of Postgres what calls are about to read."""
    indexes = session.do(indexes_to_warm)
    if indexes:
        yield Step("warm indexes", lambda progress: _warm(session, indexes, progress), len(indexes))
    else:
        yield said("warm indexes", "the extension pg_prewarm is not there")
    if players_max:
        yield Step(
            f"read the rows of up to {players_max:,} players who were there yesterday or today",
            lambda progress: _read(session, today, players_max, progress),
            players_max,
        )


def top_steps(session: MaintenanceSession, catalogue: Catalogue) -> Iterator[Step]:
    """Read who stands first as the database answers it while Redis cannot."""
    boards = catalogue.leaderboard_by_id
    rankings = [ranking for ranking in session.do(scores.open_rankings) if ranking.board_id in boards]
    if rankings:
        yield Step(
            f"read the first {TOP} players of {len(rankings)} rankings",
            lambda progress: _read_tops(session, catalogue, rankings, progress),
            len(rankings),
        )


def _read_tops(
    session: MaintenanceSession, catalogue: Catalogue, rankings: list[RankingKey], progress: Progress
) -> str:
    players = 0
    for ranking in rankings:
        page = session.do(
            partial(_top, board=catalogue.leaderboard_by_id[ranking.board_id], start=ranking.period_start)
        )
        if page is None:
            return "the database has not ranked anybody yet; services see to that"
        players += len(page.ranked)
        progress(1)
    return f"{players:,} players"


def _top(connection: Connection, board: Leaderboard, start: Instant) -> RankedPage | None:
    return RankingReader(connection).top(board, start, 1, TOP)


def _warm(session: MaintenanceSession, indexes: list[str], progress: Progress) -> str:
    pages = 0
    for name in indexes:
        pages += session.do(partial(warm_index, name=name))
        progress(1)
    return f"{len(indexes)} indexes, {pages:,} pages"


def _read(session: MaintenanceSession, today: Day, players_max: int, progress: Progress) -> str:
    players, rows = 0, 0
    for portion in islice(_players(session, today), players_max // PORTION + 1):
        wanted = portion[: players_max - players]
        rows += session.do(partial(read_rows, user_ids=wanted))
        players += len(wanted)
        progress(len(wanted))
    return f"{players:,} players, {rows:,} rows"


def _players(session: MaintenanceSession, today: Day) -> Iterator[list[str]]:
    for day in (today, today - 1):
        after = ""
        while portion := session.do(partial(players_seen, day=day, after=after, limit=PORTION)):
            yield portion
            after = portion[-1]
