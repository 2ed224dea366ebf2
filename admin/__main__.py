"""The operators' command: `python -m admin FAMILY COMMAND …`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from admin import audit, boards, catalogue, migrate, optimize, points, recalculate, report, rewards, statistics, verify

SCRIPT = "challenge-admin"
"""The name that it is also installed under (`pyproject.toml`)."""

FAMILIES = (
    audit.register,
    boards.register,
    catalogue.register,
    migrate.register,
    optimize.register,
    points.register,
    recalculate.register,
    report.register,
    rewards.register,
    statistics.register,
    verify.register,
)
"""Each adds its own commands. A command's `run` takes the parsed arguments and returns the exit status."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0 for success, 1 for failure. Wrong usage leaves by `SystemExit` with status 2."""
    parser = argparse.ArgumentParser(
        prog=SCRIPT if Path(sys.argv[0]).stem == SCRIPT else "python -m admin",
        description="Looks after a running challenge backend and what it is configured with.",
        epilog="Exit status: 0 done, 1 failed, 2 wrong usage.",
    )
    families = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for register in FAMILIES:
        register(families)
    arguments = parser.parse_args(argv)
    status: int = arguments.run(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
