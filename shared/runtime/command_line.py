"""The command line of all services."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from shared.runtime.version import VERSION


@dataclass(frozen=True)
class Arguments:
    """The parsed command line. `worker`: a parent process started this one as one of several."""

    show_settings: bool
    workers: int | None
    worker: bool


def parse(program: str, description: str, argv: Sequence[str]) -> Arguments:
    """Return the arguments; exit with 2 and the usage if they are wrong, with 0 after `--help` or `--version`."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--version", action="version", version=VERSION)
    parser.add_argument("--settings", action="store_true", help="print every setting with its value, and exit")
    parser.add_argument("--workers", type=_positive, metavar="N", help="number of processes that share the port")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parsed = parser.parse_args(argv)
    return Arguments(parsed.settings, parsed.workers, parsed.worker)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
