"""Problems of a catalogue, with the place in the file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that must be fixed before the catalogue can be used."""

    path: str
    """The place in the document, such as `challenges[3].goals[0].target`; empty for the document as a whole."""
    message: str
    file: str = ""
    """The file as named to the loader; empty when two catalogues are compared."""
    line: int | None = None
    """From 1; None if unknown, as in JSON files."""

    def __str__(self) -> str:
        file = f"{self.file}:{self.line}" if self.line is not None else self.file
        return ": ".join(part for part in (file, self.path, self.message) if part)


class CatalogueInvalid(Exception):
    """The catalogue cannot be used; `problems` are all its problems, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
