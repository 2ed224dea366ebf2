"""The record of what pools were at the start of each period that matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.instant import DAY, Instant, Microseconds
from shared.domain.pools import DatedVersion, PoolInUse, Pools, version_of
from shared.domain.schedules import Schedule
from shared.postgres.catalogue import pool_record
from shared.postgres.connection import Connection
from shared.postgres.database import Database

NEEDED_FOR: Microseconds = 40 * DAY
"""Time for which a version is kept after the last period that began under it: longer than events are accepted."""


def with_pools(database: Database, catalogue: Catalogue, now: Instant, deadline: float) -> Catalogue:
    """Record the pools of a catalogue that is taken into use, and return it as `record_pools` does.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    if not catalogue.pool_challenges:
        return catalogue
    return database.transact(lambda connection: record_pools(connection, catalogue, now), deadline)


def record_pools(connection: Connection, catalogue: Catalogue, now: Instant) -> Catalogue:
    """Record the pools of a catalogue, and return it as `drawn_by` does. Without pools it is the same."""
    challenges = {challenge.id: challenge for challenge in catalogue.pool_challenges}
    if not challenges:
        return catalogue
    pool_record.lock(connection)
    recorded = pool_record.read_versions(connection, challenges)
    versions = {each: with_current(recorded.get(each, ()), challenge, now) for each, challenge in challenges.items()}
    changed = {each: found[-1] for each, found in versions.items() if len(found) > len(recorded.get(each, ()))}
    if changed:
        pool_record.insert_versions(connection, changed)
    forgotten = {}
    for each, challenge in challenges.items():
        needed = since_period(versions[each], _first_needed(challenge.goals[0].schedule, now))
        if len(needed) < len(versions[each]):
            versions[each], forgotten[each] = needed, needed[0].since
    if forgotten:
        pool_record.forget_versions(connection, forgotten)
    return drawn_by(catalogue, pool_record.read_secret(connection), versions)


def drawn_by(catalogue: Catalogue, secret: bytes, versions: Mapping[str, Sequence[DatedVersion]]) -> Catalogue:
    """Return the catalogue with `pools` set: the secret and the recorded versions from which goals are drawn.

    Each pool has at least one version.
    """
    pools = Pools(
        secret,
        [
            PoolInUse(
                challenge.id,
                challenge.goals[0].schedule,
                frozenset(goal.id for goal in challenge.goals),
                versions[challenge.id],
            )
            for challenge in catalogue.pool_challenges
        ],
    )
    return replace(catalogue, pools=pools)


def with_current(recorded: Sequence[DatedVersion], challenge: Challenge, now: Instant) -> Sequence[DatedVersion]:
    """Return the versions of a pool once a catalogue with it is in use."""
    if challenge.pool is None:
        raise ValueError(f"{challenge.id} is not a pool")
    version = version_of(challenge.pool, challenge.goals)
    if not recorded:
        return [DatedVersion(now, version)]
    if recorded[-1].version == version:
        return recorded
    # A process whose clock is behind that of the one before still comes after it.
    return [*recorded, DatedVersion(max(now, recorded[-1].since + 1), version)]


def since_period(versions: Sequence[DatedVersion], start: Instant) -> Sequence[DatedVersion]:
    """Return the versions that periods depend on which begin at an instant or later."""
    earlier = sum(version.since < start for version in versions)
    return versions[max(0, earlier - 1) :]


def _first_needed(schedule: Schedule, now: Instant) -> Instant:
    """Return the first start of a period that a version still matters to, whatever zones players have named."""
    instant = now - NEEDED_FOR - (schedule.longest_period if schedule.by_player else 0)
    period = schedule.shown_at(instant)
    return instant if period is None else period.start
