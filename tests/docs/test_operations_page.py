"""The tables of the documents have a row for everything that the code shows to operators, and for each table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.support.code_names import modules, parsed
from tests.support.prose import files, read

PAGE = read("docs/operations.md")
PRODUCTION = ("challenge_service", "event_handler", "event_source", "reward_dispatcher", "shared")


def rows(heading: str, page: str = PAGE) -> set[str]:
    """Return what stands in backticks in the first column of the table under a heading."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([^|]*) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def first_arguments(*methods: str) -> Iterator[tuple[str, str]]:
    """Yield the method and its first argument, for every call of one of the methods with text in its first place."""
    for module, path in modules().items():
        if module.split(".")[0] in PRODUCTION:
            for node in ast.walk(parsed(path)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods:
                    for argument in node.args[:1]:
                        if text := beginning_of(argument):
                            yield node.func.attr, text


def beginning_of(argument: ast.expr) -> str:
    """Return a text; of a formatted one, what stands before the first value."""
    if isinstance(argument, ast.JoinedStr):
        argument = argument.values[0]
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""


def test_every_metric_has_a_row_and_every_row_has_a_metric() -> None:
    made = {
        f"{name}_total" if method.endswith("counter") else name
        for method, name in first_arguments(
            "counter", "bounded_counter", "gauge", "labelled_gauge", "histogram", "info"
        )
        if method != "info" or name.endswith("_info")
    }
    assert made, "no metrics were found in the code"
    assert sorted(made - rows("Metrics")) == [], "no row"
    named = {name for name in rows("Metrics") if "*" not in name}
    text = "\n".join(read(path) for path in modules().values() if path.split("/")[0] in PRODUCTION)
    assert [name for name in sorted(named - made) if f'"{name.removesuffix("_total")}' not in text] == [], "no metric"


def test_every_duty_has_a_row_and_every_row_has_a_duty() -> None:
    started = {name.strip() for method, name in first_arguments("start") if " " in name}
    assert started, "no duties were found in the code"
    named = {name.removesuffix("…").strip() for name in rows("Duties")}
    assert (sorted(started - named), sorted(named - started)) == ([], [])


def test_every_table_of_the_schema_has_a_row() -> None:
    migrations = [read(path) for path in files() if path.startswith("migrations/") and ".rollback." not in path]
    made = {name for text in migrations for name in re.findall(r"^CREATE TABLE (\w+) \($", text, re.MULTILINE)}
    assert made
    assert sorted(made - rows("Tables", read("docs/architecture.md"))) == []


def test_every_health_name_has_a_row() -> None:
    probes = {name for _, name in first_arguments("add_probe")}
    assert probes
    assert sorted(probes - rows("Health")) == []
