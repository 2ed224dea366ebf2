"""A parsed file, and places in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from shared.catalogue.problem import Problem

NESTING_MAX = 16
"""Lists and mappings within one another. A catalogue needs six; the bound keeps parsers from exhausting the stack."""

Location: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead to a value, such as `("challenges", 3, "goals", 0, "target")`."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_KEY_SHOWN_MAX = 64


class Fault(NamedTuple):
    """Something that the file's syntax allows and a catalogue does not."""

    location: Location
    message: str
    line: int | None = None


class Unparsable(Exception):
    """The text cannot be read any further; the message says why."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Document:
    """What one file holds: mappings with text keys, lists, text, numbers, booleans and None."""

    value: object
    lines: Mapping[Location, int | None] = field(default_factory=dict)
    """The line of each value, from 1; empty where the parser does not tell."""
    faults: tuple[Fault, ...] = ()
    file: str = ""


class Place(NamedTuple):
    """A value's place in a document; problems are raised from here."""

    document: Document
    location: Location = ()

    def at(self, *keys: str | int) -> Place:
        """The place of a part of this value."""
        return Place(self.document, self.location + keys)

    def problem(self, message: str, line: int | None = None) -> Problem:
        """A problem here. A value that is absent is given the line of what it is absent from."""
        lines, location = self.document.lines, self.location
        while line is None and (line := lines.get(location)) is None and location:
            location = location[:-1]
        return Problem(path_of(self.location), message, self.document.file, line)

    def __str__(self) -> str:
        return path_of(self.location)


def path_of(location: Location) -> str:
    """The location as people write it: `challenges[3].goals[0].target`. Keys that are not plain words are quoted."""
    path = ""
    for key in location:
        if isinstance(key, int):
            path += f"[{key}]"
        else:
            shown = key if _PLAIN_KEY.fullmatch(key) else repr(key[:_KEY_SHOWN_MAX])
            path += f".{shown}" if path else shown
    return path
