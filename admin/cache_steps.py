"""Steps of `optimize` that clear caches and warm them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

from admin.leaderboard_access import LeaderboardAccess, count_players
from admin.opening import agreed_prefix
from admin.steps import Advance, NotDone, Steps
from admin.terminal import ranking_text
from shared.cache import clearing
from shared.cache.keys import KeySpace
from shared.cache.redis import Cache
from shared.domain.catalogue import Catalogue
from shared.domain.instant import Day
from shared.domain.rankings import RankedPage
from shared.domain.scores import RankingKey
from shared.postgres import database_identity
from shared.postgres.connection import Connection
from shared.postgres.leaderboards import scores
from shared.postgres.leaderboards.ranking_readers import RankingReader
from shared.postgres.maintenance import maintenance
from shared.postgres.maintenance.maintenance import MaintenanceSession

PORTION = 500
"""Players whose rows one statement reads."""
TOP = 100
"""Players on a page of `ListLeaderboard`."""


def clear_redis(steps: Steps, cache: Cache, session: MaintenanceSession) -> None:
    """Drop all keys of this database in Redis. Until rankings are rebuilt, reads go to the database."""
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
    """Read the first players as the database serves them while Redis is away."""
    boards = catalogue.leaderboard_by_id
    rankings = [ranking for ranking in session.do(scores.open_rankings) if ranking.board_id in boards]

    def top(connection: Connection, ranking: RankingKey) -> RankedPage | None:
        return RankingReader(connection).top(boards[ranking.board_id], ranking.period_start, 1, TOP)

    def work(advance: Advance) -> str:
        players = 0
        for ranking in rankings:
            page = session.do(partial(top, ranking=ranking))
            if page is None:
                return "the database has not ranked anybody yet; services see to that"
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
        steps.skip("warm indexes", "the extension pg_prewarm is not there")
    if players_max:
        name = f"read the rows of up to {players_max:,} players who were there yesterday or today"
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
