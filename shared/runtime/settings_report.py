"""Settings shown to people: the table behind `--settings` and the one in the README."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from shared.runtime.settings import Variable, variables

_MASK = "***"
# scheme://user:password@host, up to the last @, because people put characters into passwords that a URL does not allow;
# and the password=… of a connection string or URL query.
_URL_PASSWORD = re.compile(r"(?<=://)([^/?#@:]*):\S*@")
_NAMED_PASSWORD = re.compile(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One variable as it is shown; all columns are text, secrets are masked."""

    name: str
    value: str
    default: str
    unit: str
    meaning: str


def describe(cls: type, values: object | None = None) -> list[Row]:
    """A row for each variable of a settings class; `values` is an instance of it, or None for the defaults alone."""
    return [
        Row(
            name=variable.name,
            value="" if values is None else _shown(variable, _at(values, variable.path)),
            default="required" if variable.default is dataclasses.MISSING else _shown(variable, variable.default),
            unit=variable.declared.unit,
            meaning=_meaning(variable),
        )
        for variable in variables(cls)
    ]


def text_table(cls: type, values: object) -> str:
    """What `--settings` prints: aligned columns, one variable a line."""
    header = Row("VARIABLE", "VALUE", "DEFAULT", "UNIT", "MEANING")
    lines = [dataclasses.astuple(row) for row in [header, *describe(cls, values)]]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[4]]).rstrip() + "\n"
        for line in lines
    )


def markdown_table(*classes: type) -> str:
    """The variables of several settings classes as one Markdown table; one that they share stands once."""
    rows = dict.fromkeys(row for cls in classes for row in describe(cls))
    lines = ["| Variable | Default | Unit | Meaning |", "|---|---|---|---|"]
    lines += [f"| `{row.name}` | {_code(row.default)} | {row.unit} | {row.meaning} |" for row in rows]
    return "\n".join(lines) + "\n"


def masked(text: str) -> str:
    """The text without the password that a URL or connection string in it may carry."""
    return _NAMED_PASSWORD.sub(rf"\1{_MASK}", _URL_PASSWORD.sub(rf"\1:{_MASK}@", text))


def _code(default: str) -> str:
    return f"`{default}`" if default not in ("", "required") else default


def _at(values: object, path: str) -> object:
    for name in path.split("."):
        values = getattr(values, name)
    return values


def _shown(variable: Variable, value: object) -> str:
    if value is None:
        return ""
    if variable.declared.secret:
        return _MASK
    if isinstance(value, bool):
        return str(value).lower()
    return masked(str(value))


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
