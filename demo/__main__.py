"""`python -m demo`: a new player's first two days and the week after them, in less than a minute.

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
from dataclasses import dataclass
from datetime import UTC, datetime

from challenge.v1 import challenge_service_pb2, event_service_pb2
from rich.console import Console

from demo.client import Client, DemoFailed, connected
from demo.display import Display, summary
from demo.player import Player
from demo.script import SCRIPT, Chapter, Step, goal_ids
from demo.week import WEEK
from shared.runtime.settings import load, setting, variable_name

PACE_S = 0.6
"""Sixty steps in forty seconds: time to read a line and to see which goals it moves."""
PACE_MAX_S = 60.0
PIPE_COLUMNS = 100

CHALLENGE_SERVICE = challenge_service_pb2.DESCRIPTOR.services_by_name["ChallengeService"].full_name
EVENT_SERVICE = event_service_pb2.DESCRIPTOR.services_by_name["EventService"].full_name
WITHOUT_WEEK = (
    "The week after them is left out: it needs services with DEVELOPMENT_CLOCK=true, as `make run` starts them."
)
INTERRUPTED = 130
"""Exit status of a program ended by Ctrl-C, by the convention of shells."""


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """The addresses of the services as gRPC targets: host and port."""

    challenge_target: str = setting("CHALLENGE_TARGET", default="127.0.0.1:50051", help="The challenge service.")
    event_target: str = setting("EVENT_TARGET", default="127.0.0.1:50052", help="The event handler.")


def main(argv: Sequence[str] | None = None) -> int:
    """Play the script once and return the exit status."""
    arguments = _parser().parse_args(argv)
    settings = load(DemoSettings, os.environ)
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS)
    try:
        with (
            connected(
                settings.challenge_target, CHALLENGE_SERVICE, variable_name(DemoSettings, "challenge_target")
            ) as challenge,
            connected(settings.event_target, EVENT_SERVICE, variable_name(DemoSettings, "event_target")) as event,
        ):
            name = arguments.player or f"player-{secrets.token_hex(4)}"
            client = Client(challenge, event, name, datetime.now(UTC))
            whole = client.set_time_if_allowed()
            play(console, client, [*SCRIPT, *WEEK] if whole else SCRIPT, arguments.pace)
            if not whole:
                console.print(WITHOUT_WEEK)
    except DemoFailed as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def play(console: Console, client: Client, script: Sequence[Chapter], pace_s: float) -> None:
    """Play a script and print a summary. Raise DemoFailed, naming the step, if a service deviates from the script."""
    player = Player(client)
    if missing := goal_ids(script) - player.goals.keys():
        goals = ", ".join(sorted(missing))
        raise DemoFailed(f"the services' catalogue lacks {goals}: the script plays catalogues/demo.yaml")
    steps = [(chapter.title, step) for chapter in script for step in chapter.steps]
    console.print(f"{client.player} plays {len(steps)} steps.")
    with Display(console, player.challenges) as display:
        for number, (title, step) in enumerate(steps, 1):
            before = player.goals
            caption = step.caption.format(goal=before[step.goal_id].name if step.goal_id else "")
            try:
                words = step.act(player)
                reply = client.replies[-1]
                player.list_challenges()
                _check_moves(step, {goal_id: goal.progress for goal_id, goal in before.items()}, player)
            except DemoFailed as error:
                raise DemoFailed(f"step {number} of {len(steps)}, “{caption}”: {error}") from None
            display.show(title, f"{number:>3}  {caption:<29}", reply, words)
            display.show_goals(before, player.challenges)
            time.sleep(pace_s)
    console.print(summary(player, client.replies))


def _check_moves(step: Step, before: dict[str, int], player: Player) -> None:
    moved = {goal_id: goal.progress for goal_id, goal in player.goals.items() if goal.progress != before[goal_id]}
    if moved != step.moves:
        raise DemoFailed(f"progress must change to {dict(step.moves)}; it changes to {moved}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Play a new player's first days against running services."
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
