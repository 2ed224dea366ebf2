"""`python -m demo`: a new player's first two days, in half a minute.

Exit status: 0 if every response was as the script says, 1 if one was not or no service responds, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import math
import os
import secrets
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from challenge.v1 import challenge_service_pb2, event_service_pb2
from rich.console import Console

from demo.client import Client
from demo.connection import DemoSettings, connected
from demo.display import Display, summary
from demo.errors import DemoFailed
from demo.performance import Performance
from demo.script import SCRIPT
from shared.runtime.settings import load, variable_name

PACE_S = 0.6
"""Forty steps in half a minute: time to read a line and to see which goals it moves."""
PACE_MAX_S = 60.0
PIPE_COLUMNS = 100

CHALLENGE_SERVICE = challenge_service_pb2.DESCRIPTOR.services_by_name["ChallengeService"].full_name
EVENT_SERVICE = event_service_pb2.DESCRIPTOR.services_by_name["EventService"].full_name
INTERRUPTED = 130
"""Exit status of a program ended by Ctrl-C, by the convention of shells."""


def main(argv: Sequence[str] | None = None) -> int:
    """Play the script once and return the exit status."""
    arguments = _parser().parse_args(argv)
    settings = load(DemoSettings, os.environ)
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS)
    try:
        play(console, settings, arguments.player or f"player-{secrets.token_hex(4)}", arguments.pace)
    except DemoFailed as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def play(console: Console, settings: DemoSettings, player: str, pace_s: float) -> None:
    """Play the script and print a summary. Raise DemoFailed if a service deviates from the script."""
    challenge_setting = variable_name(DemoSettings, "challenge_target")
    event_setting = variable_name(DemoSettings, "event_target")
    with (
        connected(settings.challenge_target, CHALLENGE_SERVICE, challenge_setting) as challenge,
        connected(settings.event_target, EVENT_SERVICE, event_setting) as event,
    ):
        client = Client(challenge, event, player, datetime.now(UTC))
        performance = Performance(client, SCRIPT)
        with Display(console, player, performance) as display:
            for moment in performance.play():
                display.show(moment)
                time.sleep(pace_s)
        console.print(summary(performance, client.replies))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Play a new player's first two days against running services."
    )
    parser.add_argument(
        "--pace", type=_pace, default=PACE_S, metavar="SECONDS", help="pause after each step (default: %(default)s)"
    )
    parser.add_argument("--player", metavar="ID", help="id of a player who has not played before")
    return parser


def _pace(text: str) -> float:
    seconds = float(text)
    if not (math.isfinite(seconds) and 0 <= seconds <= PACE_MAX_S):
        raise argparse.ArgumentTypeError(f"must be 0 to {PACE_MAX_S:g}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
