"""Completions in the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

from shared.domain.events import CompletionKey
from shared.domain.instant import Instant
from shared.domain.player_view import Completion, CompletionsOfPeriod
from shared.domain.standings import CompletionRecord
from shared.postgres.connection import Connection
from shared.postgres.execution import Execution
from shared.postgres.goals import settled_completions
from shared.postgres.statements import filled, int_array, nullable_int_array, nullable_text_array, statement, text_array

_INSERT = statement("insert_completions")
_INSERT_ONE = statement("insert_completion")
_READ_OF_GOALS = statement("read_completions_of_goals")
_READ_NEW = statement("read_new_completions")
_READ_OF_PERIODS = statement("read_completions_of_periods")
_LOCK_UNCLAIMED = statement("lock_unclaimed")
_LOCK = statement("lock_completion")
_LOCK_REOPENED = statement("lock_reopened_completion")
_RELEASE = statement("release_claim")
_RELEASE_REOPENED = statement("release_reopened_claim")
_TAKE_REOPENED = statement("take_reopened_completions")
_RETURN_CLAIMS = statement("return_claims")


# The constructor of a named tuple without a Python call: a player may have thousands of past completions.
_completion = partial(tuple.__new__, Completion)


class Unclaimed(NamedTuple):
    """A locked completion that no other call can claim."""

    next_claim_number: int
    """From 1."""
    challenge_id: str | None
    tags: Sequence[str]
    claim_time: Instant | None = None
    """When the first of its rewards was claimed; None if none of them is claimed."""
    claimed: int | None = None
    """The bits of the claimed rewards, see `Completion.claimed`."""


class HeldClaim(NamedTuple):
    """The current claim of a completion, and where it counts."""

    claim_time: Instant | None
    """None if the completion is unclaimed."""
    challenge_id: str | None
    tags: tuple[str, ...]
    reopened: bool = False
    """True if operators have taken the completion back. The claim stands."""


def insert_missing(connection: Connection, records: Mapping[CompletionKey, CompletionRecord]) -> set[CompletionKey]:
    """Store completions, and return those that were not stored before.

    Completions also count in statistics, which `shared.operations.statistics.standing_changes` updates.
    """
    if len(records) == 1 and not connection.on_citus:
        ((key, record),) = records.items()
        return {key} if _insert_one(connection, key, record) else set()
    keys = sorted(records)
    values = [records[key] for key in keys]
    rows = _INSERT.rows(
        connection,
        *_key_columns(keys),
        nullable_int_array([value.complete_time for value in values]),
        nullable_text_array([value.challenge_id for value in values]),
        text_array([text_array(value.tags) for value in values]),
        int_array([value.points for value in values]),
        nullable_int_array([value.active_since for value in values]),
    )
    stored = set(map(CompletionKey._make, rows))
    if connection.on_citus and stored:
        restore_claims(connection, sorted(stored))
    return stored


def _insert_one(connection: Connection, key: CompletionKey, record: CompletionRecord) -> bool:
    row = _INSERT_ONE.row(
        connection,
        *key,
        record.complete_time,
        record.challenge_id,
        text_array(record.tags),
        record.points,
        record.active_since,
    )
    return row is not None


def restore_claims(connection: Connection, stored: Sequence[CompletionKey], *, of_equal: bool = False) -> None:
    """Give completions that are stored again, and were claimed fewer times since, their claims back.

    With `of_equal` also those that were claimed as many times. Where tables are not distributed a trigger does so for
    those that are inserted.
    """
    reopened = [row for row in _TAKE_REOPENED.rows(connection, *_key_columns(stored)) if row[5] > 0]
    if reopened:
        claim_times, numbers, rewards = zip(*(row[4:] for row in reopened), strict=True)
        _RETURN_CLAIMS.rows(
            connection,
            *_key_columns([CompletionKey(*row[:4]) for row in reopened]),
            nullable_int_array(claim_times),
            int_array(numbers),
            nullable_int_array(rewards),
            int(of_equal),
        )


def _key_columns(keys: Sequence[CompletionKey]) -> tuple[str, str, str, str]:
    return (
        text_array([key.user_id for key in keys]),
        text_array([key.goal_id for key in keys]),
        int_array([key.period_start for key in keys]),
        int_array([key.occurrence for key in keys]),
    )


CompletionsByPeriod = Mapping[Instant, CompletionsOfPeriod]
"""Completions by the start of their period. Periods of different schedules may have the same start."""


def read_of_goals(
    connection: Connection, user_id: str, period_starts: Sequence[Instant], goal_ids: Sequence[str]
) -> CompletionsByPeriod:
    """Return a player's completions of these goals in these periods."""
    return _by_period(_READ_OF_GOALS.rows(connection, user_id, int_array(period_starts), text_array(goal_ids)))


def read_new_later(
    connection: Connection, user_id: str, period_start: Instant, goal_id: str
) -> Callable[[], dict[int, Completion]]:
    """Read a player's completions of a goal in a period by the next round trip, which may be that of COMMIT.

    Return a function that returns them by occurrence after that: those that this transaction has stored, and others
    that are not packed.
    """
    execution = _READ_NEW.defer(connection, user_id, period_start, goal_id)
    return lambda: {occurrence: Completion(*fields) for occurrence, *fields in execution.rows}


def read_of_periods(connection: Connection, user_id: str, period_starts: Sequence[Instant]) -> CompletionsByPeriod:
    """Return all completions of a player in these periods."""
    *columns, claimed = filled(_READ_OF_PERIODS.only_row(connection, user_id, int_array(period_starts)))
    return _by_period(zip(*columns, claimed or repeat(None), strict=False))


def _by_period(rows: Iterable[tuple[Any, ...]]) -> CompletionsByPeriod:
    found: dict[Instant, dict[str, dict[int, Completion]]] = defaultdict(dict)
    for period_start, goal_id, occurrence, *fields in rows:
        completion = _completion(fields)
        of_period = found[period_start]
        if goal_id in of_period:
            of_period[goal_id][occurrence] = completion
        else:
            of_period[goal_id] = {occurrence: completion}
    return found


def lock_unclaimed(connection: Connection, key: CompletionKey, *, several: bool = False) -> Execution:
    """Lock a completion unless it is claimed, in the next round trip; `unclaimed` returns it after that.

    With `several`, for a goal with several rewards, it is locked if it is claimed, too. A packed one is claimed, and
    not locked.
    """
    return _LOCK_UNCLAIMED.defer(connection, *key, several)


def unclaimed(lock: Execution) -> Unclaimed | None:
    """Return the completion that was locked; None if it is claimed or not stored."""
    return Unclaimed(*lock.rows[0]) if lock.rows else None


def lock(connection: Connection, key: CompletionKey) -> HeldClaim | None:
    """Lock a completion before one of its grants is settled, because it may have to be released; return its claim.

    It is locked until the transaction ends. The claim of a completion that was reopened meanwhile is returned as
    `reopened`. A packed one is unpacked, without others. Return None if there is none of them: it was carried forward.
    """
    row = _LOCK.row(connection, *key)
    if row is None:
        # Another transaction may have unpacked it since.
        settled_completions.unpack_named(connection, [key])
        row = _LOCK.row(connection, *key)
    if row is None:
        row = _LOCK_REOPENED.row(connection, *key)
        if row is not None:
            return HeldClaim(row[0], row[1], tuple(row[2]), reopened=True)
        # An event may have completed the goal again since the look before. No operator takes it back now.
        row = _LOCK.row(connection, *key)
    return None if row is None else HeldClaim(row[0], row[1], tuple(row[2]))


class Released(NamedTuple):
    """A completion of which a reward is claimable again."""

    claim_time: Instant | None
    """None if no other reward of it is claimed."""


def release(
    connection: Connection, key: CompletionKey, claim_number: int, reward_number: int, *, reopened: bool = False
) -> Released | None:
    """Make a reward of a completion claimable again; return None if another claim holds it, or none.

    With `reopened`, of one that operators have taken back.
    """
    release = _RELEASE_REOPENED if reopened else _RELEASE
    row = release.row(connection, *key, claim_number, reward_number)
    return None if row is None else Released(*row)
