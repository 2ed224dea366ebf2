"""Placement of the tables on a Citus cluster: distributed by player, or on the coordinator alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.postgres.connection import Connection
from shared.postgres.distribution.written_places import DISTRIBUTED
from shared.postgres.statements import statement

_HAS_CITUS = statement("has_citus")
_PLACEMENTS = statement("table_placements")
_TABLES = statement("distributable_tables")
_VISIT = statement("visit_every_shard")

LOCAL = {
    "changed_player": "notes for duties, which look across players",
    "counted_player": "written by one duty, beside the figures of all challenges",
    "leaderboard_final": "written and read as a whole, by board and place",
    "leaderboard_ranking": "read by board and place, written by duties",
    "operator_audit": "only its owner may change it, which triggers on the coordinator ensure; few rows",
    "player_import": "only during an import",
    "player_tombstone": "every event is compared with it before it is distributed; few rows",
    "points_adjustment": "its rows are copied to the audit by triggers; few rows",
    "reopened_completion": "looked at before completions are distributed; few rows",
    "reward_outbox": "a queue: leases look across players, and a grant id is unique across them",
    "settled_grant": "rows of the outbox, which move between the two in one transaction",
}
"""Tables with a column `user_id` that stay on the coordinator, and why. Tables without the column always do."""


class Placement(NamedTuple):
    """The placement of a table on shards."""

    column: str | None
    """The column that it is distributed by; None for a copy on every node."""
    colocation: int
    """Tables with the same number have the rows of one player on one node."""
    shards: int


def has_citus(connection: Connection) -> bool:
    """Return whether the database can distribute tables."""
    return bool(_HAS_CITUS.value(connection))


def placements(connection: Connection) -> dict[str, Placement]:
    """Return the placements of all tables that are not on the coordinator alone. The database must have Citus."""
    return {name: Placement(*placement) for name, *placement in _PLACEMENTS.rows(connection)}


def tables(connection: Connection) -> dict[str, bool]:
    """Return the tables by name, and whether they have a column `user_id`."""
    return dict(_TABLES.rows(connection))


def misplaced(placed: Mapping[str, Placement]) -> list[str]:
    """Return what is wrong with these placements; nothing if no table is distributed."""
    if not placed:
        return []
    first = placed.get(DISTRIBUTED[0])
    problems = []
    for name in DISTRIBUTED:
        found = placed.get(name)
        if found is None or found.column is None:
            problems.append(f"{name} is not distributed")
        elif found.column != "user_id":
            problems.append(f"{name} is distributed by {found.column}, must be by user_id")
        elif first is not None and found.colocation != first.colocation:
            problems.append(f"{name} is not placed as {DISTRIBUTED[0]} is")
    problems += [f"{name} must be on the coordinator alone" for name in sorted(set(placed) - set(DISTRIBUTED))]
    return problems


def placement_problem(connection: Connection) -> str | None:
    """Return why calls would fail on a cluster; None if tables are where they must be and every node responds.

    A node that is away is an error of the database, as if that was away itself.
    """
    if not connection.on_citus:
        return None
    placed = placements(connection)
    problems = misplaced(placed)
    if problems:
        return f"tables are not where they must be ({'; '.join(problems)}): docs/citus.md"
    if placed:
        _VISIT.rows(connection)
    return None
