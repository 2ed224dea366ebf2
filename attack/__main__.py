"""`python -m attack`: attack running services, and print what ordinary callers saw before, during and after.

Everything runs on this machine: Postgres, Valkey, both services at their defaults, 50 ordinary calls per second, and
the attack. Exit status: 0 if every verdict holds, 1 if one does not, 2 for wrong usage, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from attack.kinds import KINDS, LETTERS
from attack.run import run_kind, show
from attack.stack import Stack

SECONDS = 20.0
ON_DISK = Path("/var/tmp")  # noqa: S108 - a folder of our own is made in there


def main(argv: Sequence[str] | None = None) -> int:
    """Run the attacks one after the other, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m attack", description=__doc__)
    parser.add_argument("letters", nargs="*", metavar="KIND", help=f"only these: {', '.join(LETTERS)}")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of each attack (default: %(default)s)")
    arguments = parser.parse_args(argv)
    if unknown := [letter for letter in arguments.letters if letter not in LETTERS]:
        parser.error(f"unknown kind {', '.join(unknown)}; the kinds are {', '.join(LETTERS)}")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
    held = True
    try:
        with tempfile.TemporaryDirectory(prefix="challenge-attack-", dir=ON_DISK) as name:
            folder = Path(name)
            # Postgres does not run as root: its account must be able to enter.
            folder.chmod(0o711)
            with Stack(folder) as stack:
                for kind in KINDS:
                    if not arguments.letters or kind.letter in arguments.letters:
                        result = run_kind(stack, kind, arguments.seconds)
                        show(console, result)
                        held &= not result.faults
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
