"""The record in the database of what catalogues defined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from shared.domain.identity import GoalIdentity, TierKey
from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array

_INSERT_IDENTITIES = statement("insert_goal_identities")
_READ_IDENTITIES = statement("read_goal_identities")
_READ_IDS = statement("read_recorded_ids")
_INSERT_TIERS = statement("insert_goal_tiers")
_READ_TIERS = statement("read_goal_tiers")
_INSERT_VERSION = statement("insert_catalogue_version")
_HAS_RUN = statement("has_catalogue_version_run")


def insert_missing_identities(connection: Connection, identities: Mapping[str, GoalIdentity]) -> None:
    """Record the definitions of new goal ids; known ones keep theirs."""
    goal_ids = sorted(identities)
    columns = zip(*(identities[goal_id] for goal_id in goal_ids), strict=True)
    _INSERT_IDENTITIES.rows(connection, text_array(goal_ids), *map(text_array, columns))


def read_identities(connection: Connection, goal_ids: Iterable[str]) -> dict[str, GoalIdentity]:
    """Return the recorded definitions of these goal ids; unknown ones are left out."""
    rows = _READ_IDENTITIES.rows(connection, text_array(list(goal_ids)))
    return {goal_id: GoalIdentity(*identity) for goal_id, *identity in rows}


def insert_missing_tiers(connection: Connection, tiers: Mapping[TierKey, str]) -> None:
    """Record what new tiers stand for; known ones keep theirs."""
    keys = sorted(tiers)
    _INSERT_TIERS.rows(
        connection,
        text_array([goal_id for goal_id, _ in keys]),
        int_array([number for _, number in keys]),
        text_array([tiers[key] for key in keys]),
    )


def read_tiers(connection: Connection, goal_ids: Iterable[str]) -> dict[TierKey, str]:
    """Return the recorded ids of the tiers of these goals."""
    rows = _READ_TIERS.rows(connection, text_array(list(goal_ids)))
    return {TierKey(goal_id, number): tier_id for goal_id, number, tier_id in rows}


def read_ids(connection: Connection) -> dict[str, list[str]]:
    """Return the recorded ids of all catalogues by kind, such as `goal`."""
    ids: dict[str, list[str]] = defaultdict(list)
    for kind, text in _READ_IDS.rows(connection):
        ids[kind].append(text)
    return ids


def insert_version(connection: Connection, version: str, now: Instant) -> None:
    """Record that a version runs; one that ran before keeps its time."""
    _INSERT_VERSION.rows(connection, version, now)


def has_run(connection: Connection, version: str) -> bool:
    """Return whether any process has ever used this version."""
    return bool(_HAS_RUN.value(connection, version))
