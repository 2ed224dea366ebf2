"""The record in the database of what draws depend on: the secret, and the definitions that pools had."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from shared.domain.instant import Instant
from shared.domain.pools import DatedVersion, PoolGoal, PoolVersion
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array

_LOCK = statement("lock_pool_versions")
_READ_SECRET = statement("read_draw_secret")
_READ = statement("read_pool_versions")
_INSERT = statement("insert_pool_versions")
_FORGET = statement("forget_pool_versions")


def lock(connection: Connection) -> None:
    """Wait until no other transaction records pools."""
    _LOCK.rows(connection)


def read_secret(connection: Connection) -> bytes:
    """Return the secret of draws, 32 bytes. It is never logged."""
    return bytes(_READ_SECRET.value(connection))


def read_versions(connection: Connection, challenge_ids: Iterable[str]) -> dict[str, list[DatedVersion]]:
    """Return the recorded versions of these pools, oldest first; pools without any are left out."""
    found: dict[str, list[DatedVersion]] = defaultdict(list)
    for challenge_id, since, definition in _READ.rows(connection, text_array(sorted(challenge_ids))):
        found[challenge_id].append(DatedVersion(since, _version(definition)))
    return found


def insert_versions(connection: Connection, versions: Mapping[str, DatedVersion]) -> None:
    """Record the versions that pools have from now on, by challenge id."""
    challenge_ids = sorted(versions)
    _INSERT.rows(
        connection,
        text_array(challenge_ids),
        int_array([versions[challenge_id].since for challenge_id in challenge_ids]),
        text_array([_definition(versions[challenge_id].version) for challenge_id in challenge_ids]),
    )


def forget_versions(connection: Connection, before: Mapping[str, Instant]) -> None:
    """Delete the versions of pools from before an instant, by challenge id."""
    challenge_ids = sorted(before)
    befores = int_array([before[challenge_id] for challenge_id in challenge_ids])
    _FORGET.rows(connection, text_array(challenge_ids), befores)


def _definition(version: PoolVersion) -> str:
    return json.dumps(version._asdict(), separators=(",", ":"))


def _version(definition: str) -> PoolVersion:
    found = json.loads(definition)
    goals = tuple(PoolGoal(*goal) for goal in found["goals"])
    return PoolVersion(found["select"], found["no_repeat"], goals)
