"""Problems of a catalogue, with the place in the file."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

PROBLEMS_MAX = 100
"""Maximum number of problems that are reported one by one; the others are only counted."""
PROBLEMS_COUNTED_MAX = 10_000
"""Maximum number of problems that are counted. Whoever has more has named a wrong file, and looking further would cost
a service, which loads its catalogue while it serves calls, seconds of CPU."""


class Problem(NamedTuple):
    """One thing that must be fixed before the catalogue can be used, or that its author should know."""

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
    """The catalogue cannot be used. `problems` are the first ones in the order of the files, then their number."""

    def __init__(self, problems: Iterable[Problem] | ProblemList) -> None:
        self._found = found = problems if isinstance(problems, ProblemList) else ProblemList(problems)
        self.problems = found.reported()
        self.count = found.count
        """Number of problems, including those that are not reported one by one; at most `PROBLEMS_COUNTED_MAX`."""
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[CatalogueInvalid], tuple[ProblemList]]:
        """Return what makes an equal error, in another process as well."""
        return CatalogueInvalid, (self._found,)


class CatalogueUnread(CatalogueInvalid):
    """The catalogue could not be loaded for a reason outside of it, as for lack of memory: try again later."""


class ProblemList:
    """The problems found so far: up to `PROBLEMS_COUNTED_MAX` are counted, and the first `PROBLEMS_MAX` are kept."""

    def __init__(self, problems: Iterable[Problem] = (), *, in_reading_order: bool = False) -> None:
        """Begin with these problems. They are sorted by file and line if `in_reading_order`."""
        self.count = 0
        self._in_reading_order = in_reading_order
        self._kept: list[Problem] = []
        self.add(problems)

    def add(self, problems: Iterable[Problem]) -> None:
        """Add problems, of which any number may come. Those beyond what is counted are not asked for."""
        for problem in islice(problems, PROBLEMS_COUNTED_MAX - self.count):
            self.count += 1
            self._kept.append(problem)
            if len(self._kept) > 10 * PROBLEMS_MAX:
                self._cut()
        self._cut()

    @property
    def is_full(self) -> bool:
        """True if no further problem is counted."""
        return self.count >= PROBLEMS_COUNTED_MAX

    def reported(self) -> tuple[Problem, ...]:
        """Return the problems to report; the last one says how many more there are."""
        more = self.count - len(self._kept)
        if not more:
            return tuple(self._kept)
        return (*self._kept, Problem("", f"and {'at least ' if self.is_full else ''}{more:,} more problems"))

    def _cut(self) -> None:
        if self._in_reading_order:
            self._kept.sort(key=lambda problem: (problem.file, problem.line or 0))
        del self._kept[PROBLEMS_MAX:]
