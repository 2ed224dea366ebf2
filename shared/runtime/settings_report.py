"""Settings as tables: that of `--settings` and that of the README."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from shared.runtime.settings import Variable, variables


@dataclass(frozen=True)
class Row:
    """One variable as text; secrets are masked."""

    name: str
    value: str
    default: str
    unit: str
    meaning: str


def describe(cls: type, values: object | None = None) -> list[Row]:
    """Return a row for each variable of a settings class; `values` is an instance, or None for the defaults alone."""
    return [
        Row(
            name=variable.name,
            value="" if values is None else _shown(_at(values, variable.path)),
            default="required" if variable.default is dataclasses.MISSING else _shown(variable.default),
            unit=variable.declared.unit,
            meaning=_meaning(variable),
        )
        for variable in variables(cls)
    ]


def text_table(cls: type, values: object) -> str:
    """Return the table that `--settings` prints: aligned columns, one variable a line."""
    header = Row("VARIABLE", "VALUE", "DEFAULT", "UNIT", "MEANING")
    lines = [dataclasses.astuple(row) for row in [header, *describe(cls, values)]]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[4]]).rstrip() + "\n"
        for line in lines
    )


def markdown_table(*classes: type) -> str:
    """Return the variables of several settings classes as one Markdown table, those that they share only once."""
    rows = dict.fromkeys(row for cls in classes for row in describe(cls))
    lines = ["| Variable | Default | Unit | Meaning |", "|---|---|---|---|"]
    lines += [f"| `{row.name}` | {_code(row.default)} | {row.unit} | {row.meaning} |" for row in rows]
    return "\n".join(lines) + "\n"


def _code(default: str) -> str:
    return f"`{default}`" if default not in ("", "required") else default


def _at(values: object, path: str) -> object:
    for name in path.split("."):
        values = getattr(values, name)
    return values


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _meaning(variable: Variable) -> str:
    declared = variable.declared
    if declared.choices:
        return f"{declared.help} One of {', '.join(declared.choices)}."
    if declared.minimum is not None and declared.maximum is not None:
        return f"{declared.help} {declared.minimum:,} to {declared.maximum:,}."
    if declared.minimum is not None:
        return f"{declared.help} At least {declared.minimum:,}."
    if declared.maximum is not None:
        return f"{declared.help} At most {declared.maximum:,}."
    return declared.help
