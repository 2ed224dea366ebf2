"""`python -m load_generator`: reads a plan from standard input, plays it, and writes what became of it."""

from __future__ import annotations

import gc
import os
import sys

from load_generator.plan import Plan
from load_generator.run import play


def main() -> None:
    """Play one plan."""
    plan = Plan.from_json(sys.stdin.read())
    if plan.cores:
        os.sched_setaffinity(0, plan.cores)
    # A collection would hold up answers that have come; the run is short, and nothing in it makes cycles.
    gc.disable()
    sys.stdout.write(play(plan).to_json())


if __name__ == "__main__":
    main()
