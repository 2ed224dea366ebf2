"""Standings in the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.domain.standings import ScopeKind, Standing, StandingKey
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, nullable_int_array, statement, text_array

_MERGE = statement("merge_standings")
_ADD = statement("add_to_standings")
_STORE = statement("store_standings")
SCOPE_KINDS = {kind.value: kind for kind in ScopeKind}


def merge(connection: Connection, added: Mapping[StandingKey, Standing]) -> dict[StandingKey, Standing]:
    """Add to the stored standings, and return the results. The rows stay locked until the transaction ends.

    Merging `Standing()` locks a row, creates it if it is missing, and changes nothing.
    """
    rows = _MERGE.rows(connection, *_columns(added))
    return {
        StandingKey(user_id, schedule, start, SCOPE_KINDS[scope], scope_id): Standing(*numbers)
        for user_id, schedule, start, scope, scope_id, *numbers in rows
    }


def add(connection: Connection, added: Mapping[StandingKey, Standing]) -> None:
    """Do what `merge` does by the transaction's next round trip or COMMIT, and return nothing."""
    (first_key, value), *others = added.items()
    # A call of a player nearly always completes or claims one goal, which adds the same to each standing.
    if any(key.user_id != first_key.user_id or other != value for key, other in others):
        _MERGE.defer(connection, *_columns(added))
        return
    keys = sorted(added)
    _ADD.defer(
        connection,
        first_key.user_id,
        text_array([key.schedule for key in keys]),
        int_array([key.period_start for key in keys]),
        text_array([key.scope for key in keys]),
        text_array([key.scope_id for key in keys]),
        value.completed,
        value.claimed,
        value.points,
        value.points_time,
        value.fastest,
        value.version,
    )


def store(connection: Connection, standings: Mapping[StandingKey, Standing]) -> None:
    """Replace stored standings. The rows must exist and be locked, which `merge` ensures."""
    _STORE.rows(connection, *_columns(standings))


def _columns(standings: Mapping[StandingKey, Standing]) -> Iterator[str]:
    """Yield an array for each column, sorted by key."""
    keys = sorted(standings)
    values = [standings[key] for key in keys]
    yield text_array([key.user_id for key in keys])
    yield text_array([key.schedule for key in keys])
    yield int_array([key.period_start for key in keys])
    yield text_array([key.scope for key in keys])
    yield text_array([key.scope_id for key in keys])
    yield int_array([value.completed for value in values])
    yield int_array([value.claimed for value in values])
    yield int_array([value.points for value in values])
    yield nullable_int_array([value.points_time for value in values])
    yield nullable_int_array([value.fastest for value in values])
    yield int_array([value.version for value in values])
