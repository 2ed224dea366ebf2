"""A service whose wall clock is wrong: `python -m tests.support.shifted_service MODULE SECONDS [ARGUMENTS]`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib import import_module

from shared.domain.instant import SECOND, Instant
from shared.runtime.clock import system_clock
from shared.runtime.service import run_service


def main() -> int:
    """Run the service with a clock that many seconds ahead, and return its exit code."""
    _, module, ahead_s, *arguments = sys.argv
    ahead = int(ahead_s) * SECOND

    def shifted_clock() -> Instant:
        return system_clock() + ahead

    service = import_module(f"{module}.__main__").SERVICE
    return run_service(replace(service, clock=shifted_clock), arguments, os.environ)


if __name__ == "__main__":
    sys.exit(main())
