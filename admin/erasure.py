"""`python -m admin player erase`: erases players, also once more after a restore."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import click

from admin import arguments
from admin.erase_list import IDS_MAX, append, read_ids, read_list
from admin.opening import (
    agreed_prefix,
    cache_problem,
    deadline,
    erase_list_key,
    open_cache_if_set,
    open_database,
    read,
    stop,
)
from admin.terminal import say, say_error, time_text
from shared.cache import clearing
from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.keys import KeySpace
from shared.domain.erasure import PSEUDONYM_DIGITS, Listed, key_hash, player_hash, pseudonym_of
from shared.domain.operator_acts import Acting
from shared.operations.goals.known_player import PlayerUnknown
from shared.operations.operators.erase_player import ErasureRefused, Receipt, erase_player
from shared.operations.operators.resting import rest_after
from shared.postgres import database_identity
from shared.postgres.database import Database
from shared.postgres.operators import player_data
from shared.postgres.operators.player_data import ErasedPlayer
from shared.runtime.clock import system_clock

PAGE_PLAYERS = 10_000


@click.command(epilog="Exit status: 0 all were erased, 1 not all. ERASE_LIST_KEY holds the key of the list.")
@click.argument("players", nargs=-1, type=arguments.identifier(), help="The players' ids.")
@click.option(
    "--ids",
    "id_file",
    type=click.File("r", encoding="utf-8-sig", errors="surrogateescape"),
    metavar="FILE",
    help=f"Erase the players of this file, too: one id a line, at most {IDS_MAX:,}; - for standard input.",
)
@click.option(
    "--list",
    "list_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append the players to the list of erased players, which is kept outside of the database, as keyed hashes.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="After a restore: erase all players of this list once more.",
)
@arguments.reason
@arguments.operator
def erase(
    players: tuple[str, ...],
    id_file: TextIO | None,
    list_file: Path | None,
    replay: Path | None,
    reason: str,
    operator: str,
) -> int:
    """Erase players from all tables and from Redis, for good, and print a receipt for each.

    Under a pseudonym, final rankings keep a player's place and the audit keeps the operators' acts. Events of the
    player are refused for the horizon and two days. Grants must be delivered or buried before that. Of several players,
    those of whom this is refused are named, and keep no others. A run that was stopped may be repeated.
    """
    acting = Acting(system_clock(), operator, reason)
    if replay is not None:
        if players or id_file is not None or list_file is not None:
            raise click.UsageError("--replay takes neither PLAYER, --ids nor --list")
        return _replay(replay, erase_list_key(), acting)
    if list_file is None or not (players or id_file):
        raise click.UsageError("give PLAYER or --ids, and --list, or --replay")
    wanted = list(dict.fromkeys([*players, *(() if id_file is None else read_ids(id_file))]))
    key = erase_list_key()
    if id_file is not None or len(wanted) > 1:
        return _erase_each(wanted, list_file, key, acting)
    with open_database("player") as database:
        try:
            complete = _erase_listed(database, wanted[0], list_file, key, acting)
        except ErasureRefused as refusal:
            stop(f"not erased: {refusal}")
    return 0 if complete else 1


def _erase_each(user_ids: Sequence[str], list_file: Path, key: bytes, acting: Acting) -> int:
    """Erase players one after the other. Those are passed over whom an earlier run has erased, as the list says."""
    before = read_list(list_file, key) if list_file.exists() else {}
    erased = passed_over = failed = 0
    with open_database("player") as database:
        for user_id in user_ids:
            started = time.monotonic()
            if player_hash(user_id, key) in before and not _is_left(database, user_id):
                passed_over += 1
                rest_after(started, 1.0)
                continue
            try:
                complete = _erase_listed(database, user_id, list_file, key, acting)
                erased += complete
                failed += not complete
            except ErasureRefused as refusal:
                failed += 1
                say_error(f"{user_id}: not erased: {refusal}")
            except PlayerUnknown:
                failed += 1
                say_error(f"{user_id}: not erased: nothing is stored of the player")
            rest_after(started)
    say_error(f"{erased:,} players were erased, {passed_over:,} had been before, {failed:,} were not")
    return 1 if failed else 0


def _is_left(database: Database, user_id: str) -> bool:
    """Return whether anything is stored of a player but events, which go with their days."""
    return bool(read(database, lambda connection: player_data.traces(connection, user_id)) - {"event_seen"})


def _erase_listed(database: Database, user_id: str, list_file: Path, key: bytes, acting: Acting) -> bool:
    pseudonym = pseudonym_of(secrets.token_hex(PSEUDONYM_DIGITS // 2))
    listed = Listed(player_hash(user_id, key), pseudonym, key_hash(key))
    # Listed before, so that no crash leaves an erased player who is not listed.
    return _erase(database, user_id, listed, key, acting, lambda: append(list_file, listed))


def _erase(
    database: Database,
    user_id: str,
    listed: Listed,
    key: bytes,
    acting: Acting,
    note: Callable[[], object] = lambda: None,
) -> bool:
    erased = ErasedPlayer(user_id, listed.pseudonym, listed.player_hash, key_hash(key))
    receipt = erase_player(database, erased, acting, deadline(), note)
    _say_receipt(receipt, acting, _forget_in_redis(database, user_id))
    if not receipt.complete:
        say_error(
            f"{receipt.pseudonym}: a transaction that began before has not ended, and may still write data of the "
            "player: repeat this with --replay when it has"
        )
    return receipt.complete


def _forget_in_redis(database: Database, user_id: str) -> int | None:
    """Delete the player from rankings in Redis; without Redis have them built again, and return None."""
    with open_cache_if_set() as cache:
        if cache is not None and cache_problem(cache) is None:
            identity = read(database, database_identity.read)
            try:
                return clearing.forget_player(cache, KeySpace(agreed_prefix(identity), identity.key), user_id)
            except (CacheUnavailable, CacheRefused):
                pass
    database.transact(player_data.distrust_boards, deadline())
    say_error("Redis was not reached: services build all rankings in it again")
    return None


def _say_receipt(receipt: Receipt, acting: Acting, rankings: int | None) -> None:
    document = {
        "erased_as": receipt.pseudonym,
        "time": time_text(acting.time),
        "operator": acting.operator,
        "rows": dict(receipt.rows),
        "rankings_in_redis": rankings,
    }
    say(json.dumps(document))


def _replay(path: Path, key: bytes, acting: Acting) -> int:
    listed = read_list(path, key)
    failed = erased = 0
    with open_database("player") as database:
        for user_id in _players(database):
            hashed = player_hash(user_id, key)
            pseudonym = listed.get(hashed)
            if pseudonym is None:
                continue
            started = time.monotonic()
            try:
                complete = _erase(database, user_id, Listed(hashed, pseudonym), key, acting)
                erased += complete
                failed += not complete
                rest_after(started)
            except ErasureRefused as refusal:
                failed += 1
                say_error(f"{pseudonym}: not erased: {refusal}")
    say_error(f"{erased:,} players were erased again, {failed:,} not; {len(listed):,} are listed")
    return 1 if failed else 0


def _players(database: Database) -> Iterator[str]:
    after = ""
    while page := read(database, lambda connection, start=after: player_data.read_ids(connection, start, PAGE_PLAYERS)):  # type: ignore[misc]
        yield from page
        after = page[-1]
