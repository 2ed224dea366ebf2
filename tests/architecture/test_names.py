"""Names in `shared/` are unambiguous."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Hashable, Iterable
from pathlib import Path

import shared

SHARED = Path(shared.__file__).parent
SAME_MODULE_NAME_MAX = 2
"""An operation and the store that it executes may share a name; a third module may not."""


def modules() -> list[Path]:
    """Return every module of `shared/` that has code of its own."""
    return [path for path in sorted(SHARED.rglob("*.py")) if path.name != "__init__.py"]


def places_by_name(found: Iterable[tuple[Hashable, Path]]) -> dict[Hashable, list[str]]:
    """Return for each name the modules in which it was found."""
    places = defaultdict(list)
    for name, path in found:
        places[name].append(str(path.relative_to(SHARED)))
    return places


def test_no_two_classes_share_a_name() -> None:
    classes = places_by_name(
        (node.name, path)
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert {name: places for name, places in classes.items() if len(places) > 1} == {}


def test_at_most_two_modules_share_a_name() -> None:
    names = places_by_name((path.stem, path) for path in modules())
    assert {name: places for name, places in names.items() if len(places) > SAME_MODULE_NAME_MAX} == {}


def test_every_sql_file_has_the_name_of_the_module_beside_it() -> None:
    assert [path for path in sorted(SHARED.rglob("*.sql")) if not path.with_suffix(".py").exists()] == []


def test_every_module_executes_the_statements_of_its_own_file() -> None:
    misplaced = [
        (str(path.relative_to(SHARED)), name)
        for path in modules()
        for name in statements_used(path)
        if f"-- name: {name}\n" not in sql_beside(path)
    ]
    assert misplaced == []


def statements_used(path: Path) -> list[str]:
    """Return the names in a module's calls of `statement`."""
    return [
        str(node.args[0].value)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "statement"
        and isinstance(node.args[0], ast.Constant)
    ]


def sql_beside(path: Path) -> str:
    """Return the SQL file of a module; nothing if it has none."""
    beside = path.with_suffix(".sql")
    return beside.read_text("utf-8") if beside.exists() else ""
