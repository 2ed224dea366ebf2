"""Load the catalogue at each path that stdin names, and print the number of problems or how the attempt ended.

Run by `test_bounds`. Each catalogue is loaded in a copy of this process with little memory and CPU, so that the
imports, which take longer than most catalogues, are done once.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from tests.catalogue.documents import problems_in

MEMORY_BYTES = 768 * 1024 * 1024
"""Address space for loading junk: half of it is taken by the interpreter and its libraries."""
CPU_S = 30
"""CPU in seconds for one catalogue. Unlike a time limit it is the same on a busy machine."""


def load(path: str) -> None:
    """Print the number of problems of a catalogue."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    print(len(problems_in(Path(path))), flush=True)  # noqa: T201 - its result


if __name__ == "__main__":
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            load(line.rstrip("\n"))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            print(f"ended with wait status {status}", flush=True)  # noqa: T201 - its result
