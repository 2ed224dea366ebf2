"""The ranking that answers without Redis: brought up to date in the database."""

from __future__ import annotations

from shared.domain.refresh_pace import Content, Refresh
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_LOCK = statement("lock_ranking_refresh")
_READ = statement("read_ranking_refresh")
_REFRESH = statement("refresh_ranking")
_REFRESH_MARKS = statement("refresh_ranking_marks")
_ANALYZE = statement("analyze_ranking")
_ANALYZE_MARKS = statement("analyze_ranking_marks")
_STORE = statement("store_ranking_refresh")


def try_lock(connection: Connection) -> bool:
    """Whether this transaction may refresh the ranking; the lock ends with it."""
    row = _LOCK.row(connection)
    return row is not None and bool(row[0])


def read(connection: Connection) -> tuple[Content, Refresh | None]:
    """What a refresh would read now, and the last one; None if there was none yet."""
    row = _READ.row(connection)
    if row is None:
        raise LookupError("read_ranking_refresh answers one row")
    changes, ranked, fresh_at, changes_then, ranked_then, duration = row
    last = None if fresh_at is None else Refresh(fresh_at, Content(changes_then, ranked_then), duration)
    return Content(changes, ranked), last


def refresh(connection: Connection) -> None:
    """Rank anew. Whoever reads meanwhile reads the old ranking."""
    _REFRESH.rows(connection)
    _REFRESH_MARKS.rows(connection)
    _ANALYZE.rows(connection)
    _ANALYZE_MARKS.rows(connection)


def store(connection: Connection, last: Refresh) -> None:
    """Note what the ranking is as of, in the transaction of the refresh."""
    _STORE.rows(connection, last.fresh_at, last.content.changes, last.content.ranked, last.duration)
