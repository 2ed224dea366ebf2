"""`python -m admin player erase`: erases players, also once more after a restore."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from admin import arguments
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
from shared.domain.erasure import PSEUDONYM_DIGITS, Listed, key_hash, line_of, player_hash, pseudonym_of, read_line
from shared.domain.operator_acts import Acting
from shared.operations.operators.erase_player import ErasureRefused, Receipt, erase_player
from shared.operations.operators.resting import rest_after
from shared.postgres import database_identity
from shared.postgres.database import Database
from shared.postgres.operators import player_data
from shared.postgres.operators.player_data import ErasedPlayer
from shared.runtime.clock import system_clock

PAGE_PLAYERS = 10_000


@click.command(epilog="Exit status: 0 all were erased, 1 not all. ERASE_LIST_KEY holds the key of the list.")
@click.argument("player", required=False, type=arguments.identifier(), help="The player's id.")
@click.option(
    "--list",
    "list_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append the player to the list of erased players, which is kept outside of the database, as a keyed hash.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="After a restore: erase all players of this list once more.",
)
@arguments.reason
@arguments.operator
def erase(player: str | None, list_file: Path | None, replay: Path | None, reason: str, operator: str) -> int:
    """Erase a player from all tables and from Redis, for good, and print the receipt.

    Under a pseudonym, final rankings keep the player's place and the audit keeps the operators' acts. Events of the
    player are refused for the horizon and two days. Grants must be delivered or buried before that.
    """
    acting = Acting(system_clock(), operator, reason)
    if replay is not None:
        if player is not None or list_file is not None:
            raise click.UsageError("--replay takes neither PLAYER nor --list")
        return _replay(replay, erase_list_key(), acting)
    if player is None or list_file is None:
        raise click.UsageError("give PLAYER and --list, or --replay")
    key = erase_list_key()
    pseudonym = pseudonym_of(secrets.token_hex(PSEUDONYM_DIGITS // 2))
    listed = Listed(player_hash(player, key), pseudonym, key_hash(key))
    with open_database("player") as database:
        try:
            # Listed before, so that no crash leaves an erased player who is not listed.
            complete = _erase(database, player, listed, key, acting, lambda: _append(list_file, listed))
        except ErasureRefused as refusal:
            stop(f"not erased: {refusal}")
    return 0 if complete else 1


def _append(path: Path, listed: Listed) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line_of(listed) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        stop(f"not erased: the list cannot be written: {error.strerror}")


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


def read_list(path: Path, key: bytes) -> Mapping[str, str]:
    """Return the pseudonyms of a list of erased players by their hashes. May end the command.

    It does so if a line was written under another key, by which no player would be found.
    """
    expected = key_hash(key)
    found: dict[str, str] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            try:
                listed = read_line(line)
            except ValueError as problem:
                stop(f"line {number} {problem}")
            if listed.key_hash not in (None, expected):
                stop(
                    f"line {number} was written under another ERASE_LIST_KEY than this",
                    "keep the lines of each key in a file of their own, and give it with its key",
                )
            found[listed.player_hash] = listed.pseudonym
    return found


def _players(database: Database) -> Iterator[str]:
    after = ""
    while page := read(database, lambda connection, start=after: player_data.read_ids(connection, start, PAGE_PLAYERS)):  # type: ignore[misc]
        yield from page
        after = page[-1]
