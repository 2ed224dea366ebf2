"""Settings for people: the tables of `--settings` and of the documents, and variables that are misspelt settings."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.runtime.secret import Secret
from shared.runtime.secret_files import SUFFIX
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


PREFIXES = ("CHALLENGE_", "DATABASE_", "DISPATCHER_", "EVENT_", "REDIS_", "REWARD_", "TLS_")
CUTOFF = 0.7
"""Likeness of two names after their prefix, from 0 to 1, at which one is probably meant to be the other."""

# Variables that Kubernetes sets for the Services of a namespace.
_SERVICE_LINK = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")


@dataclass(frozen=True)
class UnknownVariable:
    """A variable that no setting is read from, and the name that was probably meant, if there is one."""

    name: str
    meant: str | None

    def __str__(self) -> str:
        question = f": {self.meant}?" if self.meant else ""
        return f"{self.name} is not a setting{question}"


def unknown_variables(cls: type, environ: Mapping[str, str]) -> Iterator[UnknownVariable]:
    """Yield the variables that have a prefix of this process's settings and are none of them."""
    known = [variable.name for variable in variables(cls)]
    known += [variable.name + SUFFIX for variable in variables(cls) if issubclass(variable.kind, Secret)]
    prefixes = tuple(prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in known))
    for name in sorted(environ):
        if name.startswith(prefixes) and name not in known and not _SERVICE_LINK.fullmatch(name):
            prefix = next(prefix for prefix in prefixes if name.startswith(prefix))
            rests = [each.removeprefix(prefix) for each in known if each.startswith(prefix)]
            likely = difflib.get_close_matches(name.removeprefix(prefix), rests, 1, CUTOFF)
            yield UnknownVariable(name, prefix + likely[0] if likely else None)
