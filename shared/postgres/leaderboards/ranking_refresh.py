"""Refresh of the ranking that is read without Redis."""

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
    """Lock the refresh for this transaction; return False if another process holds the lock."""
    return bool(_LOCK.value(connection))


def read(connection: Connection) -> tuple[Content, Refresh | None]:
    """Return what a refresh would read now, and the last refresh; None if there was none."""
    changes, ranked, fresh_at, changes_then, ranked_then, duration = _READ.only_row(connection)
    last = None if fresh_at is None else Refresh(fresh_at, Content(changes_then, ranked_then), duration)
    return Content(changes, ranked), last


def refresh(connection: Connection) -> None:
    """Refresh the ranking. Readers see the previous one meanwhile."""
    _REFRESH.rows(connection)
    _REFRESH_MARKS.rows(connection)
    _ANALYZE.rows(connection)
    _ANALYZE_MARKS.rows(connection)


def store(connection: Connection, last: Refresh) -> None:
    """Record a refresh, in its transaction."""
    _STORE.rows(connection, last.fresh_at, last.content.changes, last.content.ranked, last.duration)
