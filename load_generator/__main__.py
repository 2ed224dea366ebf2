"""`python -m load_generator`: read a plan from standard input, play it, and write the result to standard output."""

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
    # A garbage collection would delay the handling of responses; the run is short and creates no cycles.
    gc.disable()
    sys.stdout.write(play(plan).to_json())


if __name__ == "__main__":
    main()
