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


def test_every_statement_is_used_once_and_every_use_exists() -> None:
    assert sorted(uses()) == sorted(statements())


@pytest.mark.parametrize("statement", statements().values(), ids=list(statements()))
def test_every_statement_states_its_purpose(statement: Statement) -> None:
    first, _, rest = statement.text.decode().partition("\n")
    assert first.startswith("-- ")
    assert len(first.split()) >= 4
    assert rest.strip()


@pytest.mark.parametrize("statement", statements().values(), ids=list(statements()))
def test_every_statement_names_its_parameters(statement: Statement) -> None:
    text = statement.text.decode()
    comment = "\n".join(line for line in text.splitlines() if line.startswith("--"))
    used = set(re.findall(r"\$\d+", text.replace(comment, "")))
    assert set(re.findall(r"(\$\d+) \w+", comment)) == used


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
