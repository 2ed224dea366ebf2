"""The part of the stack that events come from, instead of calls: NATS, and an event source that reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devstack.nats import EmbeddedNats
    from devstack.settings import DevstackSettings
    from devstack.supervisor import Supervisor

MAPPING = Path(__file__).with_name("event_mapping.yaml")
STREAM, SUBJECT = "GAME", "game.matches"
DEAD_STREAM, DEAD_LETTERS = "DEAD_LETTERS", "dead.letters"
SUBJECTS = {STREAM: ["game.>"], DEAD_STREAM: ["dead.>"]}
PLAYER, GOAL, CHALLENGE = "ada", "win-3-matches", "combat"
NANOSECONDS = "{nanoseconds}"


def start_broker(supervisor: Supervisor, directory: Path) -> EmbeddedNats:
    """Start NATS with the streams that the event source needs. Raise `StartFailed`, also without its program."""
    # Its client takes a while to load, and only this needs it.
    from devstack.nats import EmbeddedNats

    broker = supervisor.start(EmbeddedNats(directory / "nats"))
    broker.make_streams(SUBJECTS)
    return broker


def variables(settings: DevstackSettings, url: str) -> dict[str, str]:
    """Return the settings of the event source that reads the broker at this address."""
    return {
        "SOURCE_BROKER": "nats",
        "SOURCE_MAPPING": str(settings.source_mapping or MAPPING),
        "SOURCE_DEAD_LETTERS": DEAD_LETTERS,
        "SOURCE_HANDLER": f"{settings.reach_at}:{settings.event.port}",
        "NATS_URL": url,
        "NATS_STREAM": STREAM,
    }


def guide(settings: DevstackSettings, url: str, python: str) -> str:
    """Return lines about the broker, and a command that sends an event through it."""
    won = {"type": "match_won", "match_id": NANOSECONDS, "player": {"id": PLAYER}, "wins": 3}
    message = json.dumps(won).replace(NANOSECONDS, "'\"$(date +%s%N)\"'")
    return f"""
broker             {url}
                   stream {STREAM} with {SUBJECTS[STREAM][0]}, mapped by {settings.source_mapping or MAPPING.name}
event source       metrics http://{settings.reach_at}:{settings.source_ports.metrics_port}/metrics

# Publish an event; a moment later {PLAYER} can claim {GOAL} of {CHALLENGE}
{python} -m devstack.publish '{url}' {SUBJECT} '{message}'"""
