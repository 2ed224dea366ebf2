"""Lines of an import with values of every kind of JSON: each is taken, or refused by its number and field."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from admin.__main__ import main
from shared.domain.line_columns import FREE_TEXT_LENGTH_MAX
from shared.domain.player_lines import SKIPPED, LineReader, LineRefused, Row
from shared.operations.operators.import_players import PlayerImport, batches
from shared.postgres.operators import player_import
from tests.admin.site import Site
from tests.support.databases import opened, soon

VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "a number": 7,
    "0": 0,
    "a negative number": -7,
    "a fraction": 1.5,
    "a whole fraction": 2.0,
    "32 bits": 2**31,
    "63 bits": 2**63 - 1,
    "64 bits": 2**63,
    "a huge number": 10**400,
    "infinity": float("inf"),
    "no number": float("nan"),
    "no text": "",
    "text": "seven",
    "text with breaks": 'a\tb\nc\\N\r"%s{}\\.',
    "a null character": "a\0b",
    "half a character": "\ud800",
    "a long text": "x" * 100_000,
    "a time": "2023-01-01T00:00:00Z",
    "a time without a zone": "2023-01-01T00:00:00",
    "a time that is none": "2023-02-31T00:00:00Z",
    "the first year": "0001-01-01T00:00:00Z",
    "a far zone": "2023-01-01T00:00:00+23:59",
    "no array": [],
    "an array": ["a", 'b,\\"{}'],
    "an array of numbers": [1, 2**63],
    "an array of nulls": [None],
    "arrays in an array": [[1], [2, 3]],
    "an object": {"a": 1},
    "days": "{[19723,19730)}",
    "wrong days": "{[5,1)}",
    "bytes": "\\x00ff",
    "half a byte": "\\x0",
    "a UUID": "6f0c1f0e-7a57-4c2b-9d3c-0d9f3f5f2a11",
}
OF_A_KIND: dict[str, Any] = {
    "text": "a",
    "bigint": 1,
    "integer": 1,
    "boolean": True,
    "timestamp with time zone": "2023-01-01T00:00:00Z",
    "uuid": "6f0c1f0e-7a57-4c2b-9d3c-0d9f3f5f2a11",
    "bytea": "\\x" + "00" * 16,
    "int4multirange": "{}",
    "text[]": [],
    "bigint[]": [],
    "bytea[]": [],
}
CHECKED: dict[str, Any] = {
    "source": "stat",
    "day_count": 0,
    "state": "GRANTED",
    "reward_type": "ITEM",
    "scope": "challenge",
    "goal_id": "win",
    "lease_until": None,
}


def rows_with_each_value(tables: player_import.Tables) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the column and a line that is right but for this value."""
    for table, found in tables.items():
        if table in SKIPPED:
            continue
        right = {name: OF_A_KIND[column.kind] for name, column in found.columns.items()} | {
            name: value for name, value in CHECKED.items() if name in found.columns
        }
        for number, (name, value) in enumerate(itertools.product(right, VALUES.values())):
            if name == "user_id" and isinstance(value, str):
                continue
            yield name, {"table": table} | right | {"user_id": f"{table} {number}"} | {name: value}


def test_every_value_is_taken_or_refused(site: Site) -> None:
    refusals: list[tuple[str, str]] = []
    rows: list[Row] = []
    with opened(site.database_url, pool_size=1) as database:
        tables = database.autocommit(player_import.tables_of_players, soon())
        reader = LineReader(tables, site.catalogue, "bob")
        for name, line in rows_with_each_value(tables):
            try:
                rows += reader.rows(["", json.dumps(line)])
            except LineRefused as refused:
                refusals.append((name, str(refused)))
        importing = PlayerImport(database, site.catalogue, tables, "each", dry=False)
        for batch in batches(rows):
            importing.store(batch)
    assert [why for name, why in refusals if not why.startswith("line 2: ") or f"{name}:" not in why] == []
    assert len(refusals) > 2_000
    assert importing.outcome.players > 300
    assert len(importing.outcome.refused) > 20, "what only the database knows"


def test_values_are_stored_as_they_are_in_the_line(site: Site) -> None:
    reason = 'a\tb\nc\\N\r"%s{}\\.' + "\U0001f389"
    line = {
        "table": "points_adjustment",
        "user_id": "ana",
        "adjustment_id": "6f0c1f0e-7a57-4c2b-9d3c-0d9f3f5f2a11",
        "adjust_time": "2023-01-01T00:00:00Z",
        "points": -5,
        "operator": "somebody else",
        "reason": reason,
    }
    store(site, [line])
    assert site.rows("SELECT points, reason FROM points_adjustment") == [(-5, reason)]


def store(site: Site, lines: list[dict[str, Any]]) -> None:
    with opened(site.database_url, pool_size=1) as database:
        tables = database.autocommit(player_import.tables_of_players, soon())
        importing = PlayerImport(database, site.catalogue, tables, "x", dry=False)
        for batch in batches(LineReader(tables, site.catalogue, "bob").rows(map(json.dumps, lines))):
            importing.store(batch)
        assert importing.outcome.refused == []


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "lines",
    [
        ['{"table": "tally", "user_id": "a", "x": [{}', "{}]}", '{"table": "a"}, {"table": "b"}'],
        ['{"table": "tally", "user_id": "}', '{"}', '{"table": "a"}, {"table": "b"}'],
        ["[" * 100_000],
        ['{"table": ' + "[" * 100_000 + "}"],
        ['{"table": []}'],
        ['{"table": {"a": 1}}'],
        ['{"table": "tally", "user_id": []}'],
        ['{"table": "tally", "user_id": "a", "sum": ' + "9" * 5_000 + "}"],
    ],
)
def test_lines_that_are_no_rows_are_refused(
    lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(SystemExit) as ended:
        main(["player", "import", str(file), "--name", "move", "--reason", "x", "--operator", "ada"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("line 1: ")


def test_an_import_writes_no_other_name_into_the_audit(site: Site) -> None:
    line = {
        "table": "points_adjustment",
        "user_id": "ana",
        "adjustment_id": "6f0c1f0e-7a57-4c2b-9d3c-0d9f3f5f2a11",
        "adjust_time": "2023-01-01T00:00:00Z",
        "points": 5,
        "operator": "somebody else",
        "reason": "ana asked",
        "database_role": "nobody",
        "imported_by": "nobody",
    }
    store(site, [line])
    [(act_time, operator, kind, details)] = site.rows(
        "SELECT act_time > now() - interval '1 hour', operator, kind, details FROM operator_audit WHERE user_id = 'ana'"
    )
    assert (act_time, operator, kind) == (True, "bob", "player import")
    assert details["imported"] == {"operator": "somebody else", "time": "2023-01-01T00:00:00+00:00"}
    assert site.rows("SELECT operator, imported_by, database_role = session_user FROM points_adjustment") == [
        ("somebody else", "bob", True)
    ]


def test_free_text_is_longer_than_ids(site: Site) -> None:
    line = {"table": "points_adjustment", "user_id": "ana", "adjustment_id": OF_A_KIND["uuid"], "points": 5}
    line |= {
        "adjust_time": OF_A_KIND["timestamp with time zone"],
        "operator": "x",
        "reason": "x" * FREE_TEXT_LENGTH_MAX,
    }
    store(site, [line])
    with pytest.raises(LineRefused, match="reason: is longer"):
        store(site, [line | {"reason": "x" * (FREE_TEXT_LENGTH_MAX + 1)}])


def test_the_database_is_the_one_that_columns_come_from(site: Site) -> None:
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE started_challenge ADD COLUMN how text NOT NULL DEFAULT 'by ' || 'hand'")
    store(site, [{"table": "started_challenge", "user_id": "ana", "challenge_id": "arena"}])
    assert site.rows("SELECT how FROM started_challenge") == [("by hand",)]
