"""Which process runs on which core.

The server under test has a core of its own; Postgres and the load generator have the others. So a saturated server is
limited by that core and nothing else, and its rate is a rate per core.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from bench.cpu import family


class Cores(NamedTuple):
    """The cores that this process may use, shared out; all of them for everybody where there is but one."""

    every: tuple[int, ...]
    server: tuple[int, ...]
    others: tuple[int, ...]

    def __str__(self) -> str:
        """The report's words."""
        server, others = (", ".join(map(str, cores)) for cores in (self.server, self.others))
        return f"{server} for the server under test, {others} for Postgres and the load generator"

    @classmethod
    def of_this_machine(cls) -> Cores:
        """The first core for the server, the rest for the others."""
        every = tuple(sorted(os.sched_getaffinity(0)))
        return cls(every, every[:1], every[1:] or every)


def pin(pid: int, cores: tuple[int, ...]) -> None:
    """Keep a process, its threads and its children on these cores, and with them whatever they start later."""
    for thread in family(pid):
        # It may have ended between the look and the call.
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread, cores)
