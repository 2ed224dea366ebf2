"""A service whose wall clock is wrong: `python -m tests.support.shifted_service MODULE SECONDS [ARGUMENTS]`.

Instead of the seconds a file can be named, which holds them and can change.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from shared.domain.instant import SECOND, Instant
from shared.runtime.clock import system_clock
from shared.runtime.service import run_service


def main() -> int:
    """Run the service with a clock that many seconds ahead, and return its exit code."""
    _, module, ahead_s, *arguments = sys.argv
    fixed = None if Path(ahead_s).is_absolute() else int(ahead_s)

    def shifted_clock() -> Instant:
        ahead = int(Path(ahead_s).read_text("ascii")) if fixed is None else fixed
        return system_clock() + ahead * SECOND

    service = import_module(f"{module}.__main__").SERVICE
    return run_service(replace(service, clock=shifted_clock), arguments, os.environ)


if __name__ == "__main__":
    sys.exit(main())
