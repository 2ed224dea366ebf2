"""Players that come from elsewhere, stored set by set."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from shared.domain.tally import Tally, TallyKey
from shared.postgres.connection import Connection
from shared.postgres.events import tallies
from shared.postgres.events.tallies import stat_of, stretches_of
from shared.postgres.statements import statement, text_array

_MAKE = statement("make_import_lines")
_COPY = statement("copy_import_lines")
_MARK = statement("mark_imported")
_KEEP = statement("keep_import_lines")
_IMPORT = statement("import_player_rows")
_KNOWN_TALLIES = statement("read_lines_of_known_tallies")
_CLAIM_KNOWN = statement("claim_known_completions")
_RETURN_CLAIMS = statement("return_reopened_claims")
_RECOUNT = statement("recount_distinct_values")
_COLUMNS = statement("read_player_columns")

_LIFETIME = {"schedule": "lifetime", "period_start": "1970-01-01T00:00:00Z"}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "tally": {**_LIFETIME, "stat_code": "", "sum": 0, "events": 0, "days": "{}", "day_count": 0},
    "completion": {"period_start": _LIFETIME["period_start"], "occurrence": 1},
    "assignment": {"frozen_progress": 0},
    "player": {"time_zone": "UTC"},
}
"""Values of columns that a line may leave out, beside those with a default in the schema."""


class ImportLine(NamedTuple):
    """A row of a player."""

    table: str
    user_id: str
    content: str
    """The columns, as a JSON object."""


def columns(connection: Connection) -> dict[str, frozenset[str]]:
    """Return the columns of all tables of players, by table."""
    found: dict[str, set[str]] = defaultdict(set)
    for table, column in _COLUMNS.rows(connection):
        found[table].add(column)
    return {table: frozenset(names) for table, names in found.items()}


def take(connection: Connection, lines: Sequence[ImportLine], name: str) -> list[str]:
    """Take lines to store in this transaction, and return their players who are not imported under this name yet.

    The lines of the others are dropped.
    """
    user_ids = sorted({line.user_id for line in lines})
    fresh = [user_id for (user_id,) in _MARK.rows(connection, name, text_array(user_ids))]
    connection.execute(_MAKE.text)
    text = "".join(f"{table}\t{_escaped(user_id)}\t{_escaped(content)}\n" for table, user_id, content in lines)
    with connection.cursor() as cursor, cursor.copy(_COPY.text) as copy:
        copy.write(text)
    if len(fresh) < len(user_ids):
        connection.execute(_KEEP.text, [text_array(fresh)])
    return fresh


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t")


def store(connection: Connection, lines: Mapping[str, int], known: Iterable[str]) -> int:
    """Store the lines of tables, in this order, and return the number of new rows. `lines` are their numbers by table.

    Tallies are added to those that are there. Completions that are there and were never claimed are claimed if the
    lines say so, also those of reopened completions. Of other tables, rows that are there stay as they are. `known` are
    the players.
    """
    total = 0
    for table, count in lines.items():
        stored = int(_IMPORT.value(connection, table, json.dumps(_DEFAULTS.get(table, {}))))
        total += stored
        if stored < count and table == "tally":
            merged = {TallyKey(*key): tally for key, tally in _known_tallies(connection)}
            if merged:
                tallies.merge(connection, merged)
                _RECOUNT.rows(connection, text_array(sorted(known)))
        if stored < count and table == "completion":
            _CLAIM_KNOWN.rows(connection)
        if table == "reopened_completion":
            _RETURN_CLAIMS.rows(connection, text_array(sorted(known)))
    return total


def _known_tallies(connection: Connection) -> Iterable[tuple[tuple[Any, ...], Tally]]:
    for user_id, source, code, schedule, start, measures, days in _KNOWN_TALLIES.rows(connection):
        day_set = {day for first, end in stretches_of(days) for day in range(first, end)}
        yield (user_id, stat_of(source, code), schedule, start), Tally(**json.loads(measures), days=day_set)
