"""Erasure of a player: from every table, and under a pseudonym in final rankings and audits.

A flush may be counting an event of the player meanwhile. So a tombstone is committed first, by which flushes that begin
after it refuse events of the player; then flushes that began before it are awaited, and the player is erased. One
that had read the tombstones before and had written nothing by then is awaited after that, and what it wrote is erased.
Rankings are not made final meanwhile: that takes longer, and the database lets only one of the two happen at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from shared.domain.instant import HOUR
from shared.domain.operator_acts import Acting
from shared.operations.goals.known_player import PlayerUnknown
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import ledger
from shared.postgres.leaderboards import leaderboard_periods
from shared.postgres.operators import player_data
from shared.postgres.operators.player_data import ErasedPlayer
from shared.postgres.sqlstates import ContentRefused
from shared.postgres.transaction import NothingStored

HORIZON_MIN = 72 * HOUR
"""The horizon where no event handler has told one lately, in microseconds: the default of the setting."""
POLL_S = 0.01
FINISHING_S = 120.0
"""Longest wait in seconds for periods that are being made final: some minutes for millions of players."""
ERASE_S = 30.0
OTHERS_S = 10.0
"""Longest wait in seconds for transactions that began before. A flush ends by its deadline; a dump may take hours."""


class ErasureRefused(Exception):
    """The player is not erased; the message says why."""


class Receipt(NamedTuple):
    """The outcome of an erasure."""

    pseudonym: str
    rows: Mapping[str, int]
    """Numbers of rows by table that were deleted, or name the pseudonym now."""
    complete: bool
    """False if a transaction that began before has not ended, and may write of the player yet."""


def erase_player(
    database: Database,
    player: ErasedPlayer,
    acting: Acting,
    deadline: float,
    note: Callable[[], object] = lambda: None,
    *,
    finishing_s: float = FINISHING_S,
) -> Receipt:
    """Erase a player, and refuse late events of the player. Repeating it is harmless.

    `deadline` is for what comes before the waits: for transactions that began before, and, for `finishing_s` at most,
    for periods that are being made final. `note` is called once nothing stands in the way any more, before anything is
    changed.

    Raise `ErasureRefused` if the role may not, or while a grant may still be delivered, `PlayerUnknown`, and what the
    database raises.
    """
    user_id = player.user_id
    if not database.autocommit(lambda connection: player_data.is_known(connection, user_id), deadline):
        raise PlayerUnknown(user_id)
    if not database.autocommit(player_data.may_erase, deadline):
        raise ErasureRefused(
            "the role may not erase players: run this as challenge_operator (docs/operations.md, Roles)"
        )
    _require_settled(database, user_id, deadline)
    note()

    def refuse_events(connection: Connection) -> tuple[bool, int]:
        erased_before = bool(ledger.read_refused(connection, {user_id}).erased)
        return erased_before, player_data.store_tombstone(connection, user_id, acting.time, HORIZON_MIN)

    erased_before, tombstone = database.transact(refuse_events, deadline)
    if not _await_older(database, tombstone, deadline):
        raise ErasureRefused(
            f"a transaction that began before has not ended for {OTHERS_S:g} s, and may write of the player: try again"
        )

    def erase(connection: Connection) -> player_data.Erased:
        # The function itself waits no longer than the role may wait for any lock.
        if not leaderboard_periods.await_periods(connection, finishing_s):
            raise _PeriodsAreFinished
        return player_data.erase(connection, player, acting)

    def erase_once_periods_are_final() -> player_data.Erased:
        try:
            return database.transact(erase, time.monotonic() + finishing_s + ERASE_S)
        except _PeriodsAreFinished:
            raise ErasureRefused(
                f"a leaderboard's period is being made final, and that has not ended for {finishing_s:g} s: repeat "
                "this; events of the player are refused already"
            ) from None

    try:
        erased = erase_once_periods_are_final()
    except ContentRefused as refused:
        if not player_data.is_unsettled(refused):
            raise
        # Claimed since it was looked for. The tombstone of an erasure before stays.
        if not erased_before:
            database.transact(lambda connection: player_data.delete_tombstone(connection, user_id), deadline)
        _require_settled(database, user_id, deadline)
        raise ErasureRefused("a reward was claimed in this moment, and the player is listed already") from refused
    complete = _await_older(database, erased.transaction_id, time.monotonic() + OTHERS_S)
    deadline = time.monotonic() + ERASE_S
    left = database.autocommit(lambda connection: player_data.traces(connection, user_id), deadline)
    if left - {"event_seen"}:
        erase_once_periods_are_final()
    return Receipt(player.pseudonym, erased.rows, complete)


def _require_settled(database: Database, user_id: str, deadline: float) -> None:
    found = database.autocommit(lambda connection: player_data.unsettled_grants(connection, user_id), deadline)
    if found:
        grants = ", ".join(f"{grant_id} is {state}" for grant_id, state in found[:5])
        raise ErasureRefused(f"{len(found):,} grants may still be delivered; wait, or bury them: {grants}")


class _PeriodsAreFinished(NothingStored):
    """Another transaction makes periods final, or erases a player."""


def _await_older(database: Database, transaction_id: int, deadline: float) -> bool:
    """Wait until all transactions that began before this one have ended, as long as flushes take at most.

    Return False if one has not ended by then.
    """
    until = min(deadline, time.monotonic() + OTHERS_S)
    while time.monotonic() < until:
        if database.autocommit(player_data.oldest_transaction, deadline) > transaction_id:
            return True
        time.sleep(POLL_S)
    return False
