"""`python -m devstack run`: the whole stack. `python -m devstack servers`: Postgres and Valkey alone."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from devstack.errors import StartFailed
from devstack.run import run, run_servers
from devstack.settings import DevstackSettings
from devstack.supervisor import PartEnded, StopRequested
from shared.runtime.ports import require_free
from shared.runtime.settings import load
from shared.runtime.start_refused import PortUnavailable, SettingsInvalid

COMMANDS = {"run": run, "servers": run_servers}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal. Return 0 after a signal, 1 if something failed, 2 if the start was not attempted."""
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    command = parser.parse_args(arguments).command
    try:
        settings = load(DevstackSettings, os.environ)
    except SettingsInvalid as error:
        return _fail(2, *error.problems)
    if command == "run" and (busy := busy_ports(settings)):
        return _fail(2, *busy)
    try:
        COMMANDS[command](settings, os.environ)
    except StopRequested:
        return 0
    except (StartFailed, PartEnded) as error:
        return _fail(1, str(error))


def busy_ports(settings: DevstackSettings) -> list[str]:
    """Return a sentence for each port that cannot be opened, with the setting that changes it."""
    sentences = []
    for endpoint in settings.all_endpoints():
        try:
            require_free(endpoint)
        except PortUnavailable as error:
            sentences.append(str(error))
    return sentences


def _fail(status: int, *sentences: str) -> int:
    for sentence in sentences:
        print(f"devstack: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
