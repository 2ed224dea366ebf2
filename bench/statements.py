"""The report's own SQL: one statement per file in `sql/`."""

from __future__ import annotations

from pathlib import Path

from shared.postgres.statements import Statement

_FOLDER = Path(__file__).with_name("sql")


def text(name: str) -> str:
    """Return the text of `sql/NAME.sql`."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8").strip().rstrip(";")


def statement(name: str) -> Statement:
    """Return the statement in `sql/NAME.sql`, which is prepared at its first use on a connection."""
    return Statement(name, text(name))
