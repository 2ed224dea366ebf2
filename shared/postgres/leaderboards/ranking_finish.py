"""Rankings on their way to being final, in the database: one after the other, in steps."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.scores import RankingKey
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_READ = statement("read_ranking_finish")
_BEGIN = statement("begin_ranking_finish")
_CLOSE = statement("close_ranking")
_STORE = statement("store_ranking_finish")
_PLACE = statement("place_players")
_FINISH = statement("finish_leaderboard_period")
_FORGET = statement("forget_ranking_finish")
_REOPEN = statement("reopen_ranking")


class Finish(NamedTuple):
    """A ranking that is being made final."""

    ranking: RankingKey
    begin_time: Instant
    bookmark: str | None
    """Scores of players up to this id are read; None once all are."""
    players: int
    """Players who have their place."""
    is_final: bool
    """True if a process of the release before has made it final meanwhile."""


def read(connection: Connection) -> Finish | None:
    """Lock and return the ranking that is being made final; None if there is none."""
    row = _READ.row(connection)
    return None if row is None else Finish(RankingKey(row[0], row[1]), *row[2:])


def begin(connection: Connection, ranking: RankingKey, now: Instant) -> None:
    """Begin to make a ranking final. From now on it changes only by `ranking_refresh.rank` in the phase CLOSING."""
    _CLOSE.rows(connection, *ranking)
    _BEGIN.rows(connection, *ranking, now)


def store(connection: Connection, ranking: RankingKey, bookmark: str | None) -> None:
    """Store up to which player the scores are read; None: all are."""
    _STORE.rows(connection, *ranking, bookmark)


def place(connection: Connection, ranking: RankingKey, count: int) -> int:
    """Give the next players of the ranking their places, and return how many; fewer than `count` are the last ones."""
    return int(_PLACE.value(connection, *ranking, count))


def finish(connection: Connection, finish: Finish, players: int) -> None:
    """Let a ranking be final, in which this many players have their places."""
    _FINISH.rows(connection, *finish.ranking, finish.begin_time, players)
    forget(connection, finish.ranking)


def forget(connection: Connection, ranking: RankingKey) -> None:
    """Forget how far making a final ranking came, and leave its stored players to be deleted."""
    _FORGET.rows(connection, *ranking)
    _REOPEN.rows(connection, *ranking)
