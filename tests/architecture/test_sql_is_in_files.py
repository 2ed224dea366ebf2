"""SQL lives in `.sql` files: executed SQL is a named statement or a constant."""

from __future__ import annotations

import ast
import re

from tests.architecture.imports import ROOT, is_within, sources

SQL = re.compile(
    r"\b(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|(CREATE|DROP|ALTER)\s+(TABLE|INDEX|FUNCTION)\s)"
)


def in_production() -> dict[str, ast.Module]:
    """Return the modules that run in production; the benchmark has statements of its own to compare with."""
    return {module: tree for module, tree in sources().items() if not is_within(module, "bench")}


def text_of(node: ast.AST) -> str | None:
    """Return the constant text of an expression; for a formatted string, the text around its values."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "?".join(filter(None, map(text_of, node.values)))
    return None


def test_no_sql_is_composed_from_strings() -> None:
    wrong = []
    for module, tree in in_production().items():
        for node in (each for each in ast.walk(tree) if isinstance(each, ast.expr)):
            joins = isinstance(node, ast.JoinedStr)
            combines = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod)
            formats = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"
            if (joins or combines or formats) and any(SQL.search(text_of(part) or "") for part in ast.walk(node)):
                wrong.append(f"{module}:{node.lineno}")
    assert wrong == []


def names_something(module: str, what: ast.expr) -> bool:
    """Return whether it is a constant command with names quoted by psycopg: a name cannot be a parameter."""
    return (
        module == "shared.postgres.maintenance.maintenance_commands"
        and isinstance(what, ast.Call)
        and isinstance(what.func, ast.Attribute)
        and what.func.attr == "format"
        and isinstance(what.func.value, ast.Name)
        and all(isinstance(name, ast.Call) and ast.unparse(name.func) == "Identifier" for name in what.args)
    )


def test_only_constants_and_named_statements_are_executed() -> None:
    wrong = []
    for module, tree in in_production().items():
        if not is_within(module, "shared.postgres"):
            continue
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in ("execute", "executemany", "copy", "run_script"):
                what = node.args[0]
                of_a_statement = isinstance(what, ast.Attribute) and what.attr == "text"
                if not of_a_statement and not isinstance(what, ast.Constant) and not names_something(module, what):
                    wrong.append(f"{module}:{node.lineno}")
    assert wrong == []


def test_there_is_no_sql_outside_of_shared_postgres() -> None:
    wrong = []
    for module, tree in in_production().items():
        if is_within(module, "shared.postgres"):
            continue
        wrong += [
            f"{module}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value)
        ]
    assert wrong == []


def test_no_statement_reads_a_clock() -> None:
    # Instants are parameters: a statement has the same effect whenever and on whichever node it runs.
    clock = re.compile(
        r"\b(now\(|(current_(date|time|timestamp)|clock_timestamp|statement_timestamp|localtime)\b)", re.IGNORECASE
    )
    paths = [*(ROOT / "shared").rglob("*.sql"), *(ROOT / "migrations").glob("*.sql")]
    # The first is for decisions that cannot be undone, the second for the comparison with the process's clock.
    assert {path.name for path in paths if clock.search(path.read_text("utf-8"))} == {
        "0008-clocks.sql",
        "database_clock.sql",
    }


def test_no_two_files_take_the_same_advisory_lock() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for path in sorted((ROOT / "shared").rglob("*.sql")):
        for group, key in re.findall(r"advisory_xact_lock(?:_shared)?\((\d+), ([^;\n]+?)\)", path.read_text()):
            found.setdefault((group, key if key.isdecimal() else "any"), set()).add(path.stem)
    groups = {group for group, key in found if key == "any"}
    assert {lock: files for lock, files in found.items() if len(files) > 1} == {}
    assert [lock for lock in found if lock[0] in groups and lock[1] != "any"] == [], "a key may be this number, too"
    assert len(found) > len(groups) > 1
