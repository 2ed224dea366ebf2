"""The SQL files and the code that uses them agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import shared
from shared.postgres.statements import Statement, statements

SHARED = Path(shared.__file__).parent
SQL_FILES = sorted((SHARED / "postgres").rglob("*.sql"))


def uses() -> list[str]:
    """Return the names in all calls of `statement(...)`."""
    found = []
    for path in sorted((SHARED / "postgres").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "statement":
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{path.name}: a statement is named by a constant"
                found.append(str(name.value))
    return found


def states_purpose(statement: Statement) -> bool:
    """Return whether a statement begins with a comment of at least three words."""
    first, _, rest = statement.text.decode().partition("\n")
    return first.startswith("-- ") and len(first.split()) >= 4 and bool(rest.strip())


def test_every_statement_is_used_once_and_every_use_exists() -> None:
    assert sorted(uses()) == sorted(statements())


def test_every_statement_states_its_purpose() -> None:
    assert [name for name, statement in statements().items() if not states_purpose(statement)] == []


def test_every_statement_names_its_parameters() -> None:
    for name, statement in statements().items():
        text = statement.text.decode()
        comment = "\n".join(line for line in text.splitlines() if line.startswith("--"))
        used = set(re.findall(r"\$\d+", text.replace(comment, "")))
        assert set(re.findall(r"(\$\d+) \w+", comment)) == used, name


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.name)
def test_every_statement_in_a_file_has_a_name(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    ends = [line for line in lines if line.endswith(";")]
    names = [line for line in lines if line.startswith("-- name: ")]
    assert len(ends) == len(names)
    assert lines[0].startswith("-- name: ")


def test_an_unknown_name_is_an_error_at_once() -> None:
    from shared.postgres.statements import statement

    with pytest.raises(KeyError, match="no_such_statement"):
        statement("no_such_statement")
