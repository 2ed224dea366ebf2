"""Parsed files, and places in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from shared.catalogue.bounds import KEYS_MAX, NESTING_MAX, VALUES_MAX
from shared.catalogue.problem import Problem

Location: TypeAlias = tuple[str | int, ...]
"""The keys and indexes of the path to a value, such as `("challenges", 3, "goals", 0, "target")`."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_KEY_SHOWN_MAX = 64


class Fault(NamedTuple):
    """A problem in a file whose syntax is valid."""

    location: Location
    message: str
    line: int | None = None


class Unparsable(Exception):
    """The text cannot be parsed; the message says why."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def too_deep(line: int | None = None) -> Unparsable:
    """Return the error for too many nested lists and mappings."""
    return Unparsable(f"nested more than {NESTING_MAX} levels deep", line)


def too_many_values(line: int | None = None) -> Unparsable:
    """Return the error for too many values."""
    return Unparsable(f"the files of a catalogue can have at most {VALUES_MAX:,} values", line)


def too_many_keys(line: int | None = None) -> Unparsable:
    """Return the error for too many keys in one mapping."""
    return Unparsable(f"a mapping can have at most {KEYS_MAX:,} keys", line)


@dataclass(frozen=True)
class Document:
    """The content of one file: mappings with text keys, lists, text, numbers, booleans and None."""

    value: object
    lines: Mapping[Location, int | None] = field(default_factory=dict)
    """The line of each value, from 1; empty if the parser does not track lines."""
    faults: tuple[Fault, ...] = ()
    values: int = 0
    """Number of values in the document."""
    file: str = ""


class Place(NamedTuple):
    """The place of a value in a document, for reporting problems."""

    document: Document
    location: Location = ()

    def at(self, *keys: str | int) -> Place:
        """Return the place of a part of this value."""
        return Place(self.document, self.location + keys)

    def problem(self, message: str, line: int | None = None) -> Problem:
        """Return a problem at this place. A missing value gets the line of the value it is missing from."""
        lines, location = self.document.lines, self.location
        while line is None and (line := lines.get(location)) is None and location:
            location = location[:-1]
        return Problem(path_of(self.location), message, self.document.file, line)

    def __str__(self) -> str:
        return path_of(self.location)


def path_of(location: Location) -> str:
    """Return the location as text: `challenges[3].goals[0].target`. Keys that are not plain words are quoted."""
    path = ""
    for key in location:
        if isinstance(key, int):
            path += f"[{key}]"
        else:
            shown = key if _PLAIN_KEY.fullmatch(key) else repr(key[:_KEY_SHOWN_MAX])
            path += f".{shown}" if path else shown
    return path
