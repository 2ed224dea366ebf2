"""Players that come from elsewhere, stored set by set."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from shared.domain.events import CompletionKey
from shared.domain.line_columns import LineColumn, LineTable, line_column
from shared.domain.tally import Tally, TallyKey
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.events.tallies import stat_of, stretches_of
from shared.postgres.goals import completions, held_tallies, settled_completions
from shared.postgres.goals.held_tallies import HeldTally
from shared.postgres.operators.copied_rows import RowEncoder
from shared.postgres.statements import statement, text_array

_MARK = statement("mark_imported")
_STAGE = statement("stage_import_rows")
_COPY = statement("copy_import_rows")
_FIND_BY_KEY = statement("find_by_key")
_FIND_AS_PLANNED = statement("find_as_planned")
_HOLD_MOVES = statement("hold_grant_moves")
_KEEP_APART = statement("keep_request_ids_apart")
_UNSTORED = statement("find_unstored_claim")
_STORE = statement("store_import_rows")
_STORE_TALLIES = statement("store_imported_tallies")
_READ_TALLIES = statement("read_imported_tallies")
_CLAIM_KNOWN = statement("claim_known_completions")
_REOPENED = statement("read_reopened_of_players")
_RECOUNT = statement("recount_distinct_values")
_COLUMNS = statement("read_player_columns")
_ERASED = statement("read_erased_imports")

_LIFETIME = {"schedule": "lifetime", "period_start": "1970-01-01T00:00:00Z"}
_PRESETS: Mapping[str, Mapping[str, str]] = {
    "tally": {**_LIFETIME, "stat_code": "", "sum": "0", "events": "0", "days": "{}", "day_count": "0"},
    "completion": {"period_start": _LIFETIME["period_start"], "occurrence": "1"},
    "assignment": {"frozen_progress": "0"},
    "player": {"time_zone": "UTC"},
}
"""Values of columns that a line may leave out, beside those with a default in the schema."""

Tables = Mapping[str, LineTable]
"""All tables of players by name, in the order in which they are locked."""


class ClaimUnstored(Exception):
    """A claim is neither stored nor was there: another claim has the id of its grant, or just got its request id."""


def tables_of_players(connection: Connection) -> Tables:
    """Return all tables of players."""
    found: dict[str, dict[str, LineColumn]] = defaultdict(dict)
    for table, name, kind, nullable, preset in _COLUMNS.rows(connection):
        preset = _PRESETS.get(table, {}).get(name, preset)
        found[table][name] = line_column(name, kind, nullable=nullable, preset=preset)
    return {table: LineTable(columns) for table, columns in found.items()}


def erased(connection: Connection, name: str) -> list[tuple[str, str]]:
    """Return the hashes of players whom this import brought and who were erased since, each with that of its key."""
    return [(player, key) for player, key in _ERASED.rows(connection, name)]


def mark(connection: Connection, user_ids: Iterable[str], name: str) -> list[str]:
    """Mark players as imported in this transaction, and return those who are not imported under this name yet."""
    return [user_id for (user_id,) in _MARK.rows(connection, name, text_array(sorted(set(user_ids))))]


def store(
    connection: Connection, every: Tables, rows: Mapping[str, Sequence[Mapping[str, Any]]], known: Iterable[str]
) -> int:
    """Store the rows of tables, in this order, and return the number of new rows. `known` are the players.

    A row is the columns that it has, as JSON has them.

    Tallies are added to those that are there. Completions that are there and were claimed fewer times than the rows
    say are claimed as these say, also by rows of reopened completions. Of other tables, rows that are there stay as
    they are. Packed completions of the players are unpacked.

    Raise `ClaimUnstored`.
    """
    players = sorted(known)
    settled_completions.unpack(connection, players)
    made = _hold_tallies(connection, rows)
    total = 0
    for table, of_table in rows.items():
        _STAGE.rows(connection, table)
        encoder = RowEncoder(every[table].columns)
        with connection.cursor() as cursor, cursor.copy(_COPY.text) as copy:
            copy.write("".join(list(map(encoder.line, of_table))))
        of_claims = table == "reward_outbox"
        if of_claims:
            _HOLD_MOVES.rows(connection)
        _FIND_BY_KEY.precede(connection)
        if of_claims:
            _KEEP_APART.rows(connection)
        if table == "tally":
            fresh_tallies = {(*key,) for key in _STORE_TALLIES.rows(connection)}
            stored = len(fresh_tallies)
        else:
            stored = int(_STORE.value(connection, table))
        total += stored
        if of_claims and stored < len(of_table) and (unstored := _UNSTORED.row(connection)) is not None:
            raise ClaimUnstored(
                f"the grant {unstored[1]} cannot be stored: its id or its request id is another claim's"
            )
        if stored < len(of_table) and table == "tally":
            merged = _tallies_without(connection, fresh_tallies)
            if merged:
                tallies.merge(connection, merged)
                _RECOUNT.rows(connection, text_array(players))
        if stored < len(of_table) and table == "completion":
            _CLAIM_KNOWN.rows(connection)
        if table == "reopened_completion":
            _return_claims(connection, players)
        elif table == "completion" and connection.on_citus:
            # Claims that are here stand against those of the import. On one server a trigger does this.
            _return_claims(connection, players, of_equal=True)
        _FIND_AS_PLANNED.rows(connection)
    held_tallies.drop(connection, made)
    return total


def _hold_tallies(connection: Connection, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[HeldTally]:
    """Let no event complete a goal whose reopened completion the rows bring: neither would see the other.

    Return the tallies that were stored for that. Those that the rows bring are locked when they are stored.
    """
    reopened = rows.get("reopened_completion")
    if not reopened:
        return []
    stats = held_tallies.read_stats(connection, {row["goal_id"] for row in reopened})
    brought = {
        HeldTally(row["user_id"], row["source"], row.get("stat_code", ""))
        for row in rows.get("tally", ())
        if row.get("schedule", _LIFETIME["schedule"]) == _LIFETIME["schedule"]
    }
    wanted = {HeldTally(row["user_id"], *stats[row["goal_id"]]) for row in reopened if row["goal_id"] in stats}
    return held_tallies.hold(connection, wanted - brought)


def _tallies_without(connection: Connection, stored: Collection[tuple[Any, ...]]) -> Mapping[TallyKey, Tally]:
    """Return the tallies that the rows bring, without these, which were not there before."""
    found = {}
    for *key, measures, days in _READ_TALLIES.rows(connection):
        if (*key,) not in stored:
            user_id, source, code, schedule, start = key
            day_set = {day for first, end in stretches_of(days) for day in range(first, end)}
            tally = Tally(**json.loads(measures), days=day_set)
            found[TallyKey(user_id, stat_of(source, code), schedule, start)] = tally
    return found


def _return_claims(connection: Connection, players: Sequence[str], *, of_equal: bool = False) -> None:
    """Drop reopened completions of goals that are completed, and let these have the claims as `restore_claims` does."""
    reopened = {CompletionKey(*key) for key in _REOPENED.rows(connection, text_array(players))}
    completed = settled_completions.stored_of(connection, reopened)
    if completed:
        completions.restore_claims(connection, sorted(completed), of_equal=of_equal)
