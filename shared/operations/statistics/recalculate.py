"""Recalculation of standings from completions, those carried forward included, claims and adjustments.

The comparison takes no lock: all of them are read by one statement, and transactions change them together, so they
agree at every instant. Only a player whose standings have drifted is locked, and compared again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.instant import LIFETIME_START
from shared.domain.operator_acts import Acting, ActKind, OperatorAct
from shared.domain.recalculation import Drift, drifts, is_maintained, recalculated
from shared.domain.schedules import LIFETIME
from shared.domain.standings import Scope, ScopeKind, Standing, StandingKey
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import settled_completions
from shared.postgres.leaderboards import journal
from shared.postgres.operators import operator_audit
from shared.postgres.player_sweeps import CHALLENGE_COUNT, note_changed
from shared.postgres.statistics import histories, standings

PAGE_PLAYERS = 100
PAGE_TIMEOUT_S = 30.0


class Page(NamedTuple):
    """Result for one page of players."""

    players: int
    drifts: Sequence[Drift]
    """Standings that had drifted."""


def recalculate_all(database: Database, catalogue: Catalogue, acting: Acting | None = None) -> Iterator[Page]:
    """Compare all players page by page. Rebuild standings that have drifted, if somebody is `acting`.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`. Pages before that stay rebuilt.
    """
    page = _page_after(database, "")
    while page:
        yield Page(len(page), recalculate(database, catalogue, page, time.monotonic() + PAGE_TIMEOUT_S, acting))
        page = _page_after(database, page[-1])


def _page_after(database: Database, user_id: str) -> list[str]:
    return database.autocommit(
        lambda connection: histories.players_after(connection, user_id, PAGE_PLAYERS), time.monotonic() + PAGE_TIMEOUT_S
    )


def recalculate(
    database: Database, catalogue: Catalogue, user_ids: Sequence[str], deadline: float, acting: Acting | None = None
) -> list[Drift]:
    """Compare these players, rebuild what has drifted, if somebody is `acting`, and return the drifts."""
    found = database.autocommit(lambda connection: histories.read(connection, user_ids), deadline)
    schedules = catalogue.points_schedules
    drifted: list[Drift] = []
    for user_id, history in found.items():
        seen = drifts(user_id, history, schedules)
        if seen:
            drifted += seen if acting is None else rebuild(database, catalogue, user_id, deadline, acting)
    return drifted


def rebuild(database: Database, catalogue: Catalogue, user_id: str, deadline: float, acting: Acting) -> list[Drift]:
    """Rebuild a player's standings that have drifted, note that in the audit, and return the drifts."""
    while True:
        drifted = database.transact(lambda connection: _rebuild(connection, catalogue, user_id, acting), deadline)
        if drifted is not None:
            return drifted


def _rebuild(connection: Connection, catalogue: Catalogue, user_id: str, acting: Acting) -> list[Drift] | None:
    settled_completions.hold_on_nodes(connection, [user_id])
    found = rebuild_within(connection, catalogue, user_id)
    if found:
        details = {"standings": [_changed(drift) for drift in found]}
        operator_audit.note(connection, OperatorAct(ActKind.RECALCULATE, acting, user_id, details))
    return found


def rebuild_within(connection: Connection, catalogue: Catalogue, user_id: str) -> list[Drift] | None:
    """Rebuild a player's standings in a transaction, after all else that it locks, and return the drifts.

    Return None if a concurrent completion added a standing that was not locked. The caller then tries again. It has
    completions of the player held on the nodes of a cluster, as unpacking does.
    """
    schedules = catalogue.points_schedules
    history = histories.read(connection, [user_id])[user_id]
    keys = {key for key in history.standings if not history.is_closed(key)}
    keys |= recalculated(user_id, history, schedules).keys()
    # Every transaction that changes a player's standings changes this one. Locking it therefore locks all of them.
    keys.add(StandingKey(user_id, LIFETIME.text, LIFETIME_START, ScopeKind.ALL, ""))
    locked = {key: Standing() for key in keys if is_maintained(key, schedules)}
    standings.merge(connection, locked)

    history = histories.read(connection, [user_id])[user_id]
    found = drifts(user_id, history, schedules)
    if any(drift.key not in locked for drift in found):
        return None
    # Also after changes of tallies and completions by operators.
    note_changed(connection, CHALLENGE_COUNT, [user_id])
    if found:
        standings.store(connection, {drift.key: drift.repaired for drift in found})
        # Only standings that leaderboards rank by.
        leaderboards = catalogue.leaderboards_over
        if any((Scope(drift.key.scope, drift.key.scope_id), drift.key.schedule) in leaderboards for drift in found):
            journal.insert(connection, [user_id])
    return found


def _changed(drift: Drift) -> dict[str, Any]:
    """Return a rebuilt standing for the audit."""
    key = drift.key
    place = {"schedule": key.schedule, "period_start": key.period_start, "scope": key.scope, "scope_id": key.scope_id}
    return {**place, "before": asdict(drift.stored), "after": asdict(drift.repaired)}
