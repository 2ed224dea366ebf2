"""`python -m demo`: a new player's first two days, in half a minute.

Exit status: 0 every answer was as the script says, 1 one was not or nothing answers, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import math
import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from challenge.v1 import challenge_service_pb2, event_service_pb2
from rich.console import Console

from demo.client import Client
from demo.connection import connected
from demo.display import display_on
from demo.errors import DemoFailed
from demo.performance import Performance
from demo.script import SCRIPT
from demo.settings import DemoSettings
from demo.summary import summary
from shared.runtime.settings import load, variable_name

PACE_S = 0.6
"""Forty steps in half a minute: time to read a line and to see what it moves."""
PACE_MAX_S = 60.0
PIPE_COLUMNS = 100

CHALLENGE_SERVICE = challenge_service_pb2.DESCRIPTOR.services_by_name["ChallengeService"].full_name
EVENT_SERVICE = event_service_pb2.DESCRIPTOR.services_by_name["EventService"].full_name
INTERRUPTED = 130
"""What shells say of a program that Ctrl-C has ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Play the script once; returns the exit status."""
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
    """Play the script and sum it up. Raises DemoFailed."""
    challenge_setting = variable_name(DemoSettings, "challenge_target")
    event_setting = variable_name(DemoSettings, "event_target")
    with (
        connected(settings.challenge_target, CHALLENGE_SERVICE, challenge_setting) as challenge,
        connected(settings.event_target, EVENT_SERVICE, event_setting) as event,
    ):
        client = Client(challenge, event, player, datetime.now(UTC))
        performance = Performance(client, SCRIPT)
        with display_on(console, player, performance) as display:
            display.pause(pace_s)
            for moment in performance.play():
                display.show(moment)
                display.pause(pace_s)
        console.print(summary(performance, client.replies))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Plays a new player's first two days against running services."
    )
    parser.add_argument(
        "--pace", type=_pace, default=PACE_S, metavar="SECONDS", help="pause after each step (default: %(default)s)"
    )
    parser.add_argument("--player", metavar="ID", help="the player's id, of nobody who has played before")
    return parser


def _pace(text: str) -> float:
    seconds = float(text)
    if not (math.isfinite(seconds) and 0 <= seconds <= PACE_MAX_S):
        raise argparse.ArgumentTypeError(f"must be 0 to {PACE_MAX_S:g}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
