"""A player's first minutes as commands to paste: initialize, list, log in, win matches, list, claim, claim again.

This is the only place in the stack that knows ids of the demo catalogue.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

CHALLENGE = "combat"
GOAL = "win-3-matches"
STAT = "matches_won"
WINS = (2, 1)
"""Deltas of the two stat events; together they reach the goal's target."""

_NOW = "{now}"
_NANOSECONDS = "{nanoseconds}"
_SUBSTITUTIONS = {_NOW: "date -u +%Y-%m-%dT%H:%M:%SZ", _NANOSECONDS: "date +%s%N"}
"""Commands that the shell runs when a line is pasted: an event must be recent, and its id new."""


def story(challenge: str, event: str, *, demo: bool) -> str:
    """Return the story of a new player with the services at these addresses, for grpcurl if it is built or `buf curl`.

    Without the demo catalogue it has only the steps that work with every catalogue.
    """
    addresses = {"ChallengeService": challenge, "EventService": event}
    return "\n\n".join(
        f"# {number}. {caption}\n{_command(addresses[service], f'challenge.v1.{service}/{method}', quoted(request))}"
        for number, (caption, service, method, request) in enumerate(_steps(demo=demo), 1)
    )


def quoted(request: dict[str, object]) -> str:
    """Return the request as one shell word of JSON that includes command substitutions."""
    text = json.dumps(request).replace("'", "\\u0027")
    for placeholder, command in _SUBSTITUTIONS.items():
        text = text.replace(placeholder, f"'\"$({command})\"'")
    return f"'{text}'"


def _steps(*, demo: bool) -> Iterator[tuple[str, str, str, dict[str, object]]]:
    """Yield the caption, service, method and request of each call."""
    who: dict[str, object] = {"user_id": f"player-{secrets.token_hex(4)}"}

    def event(name: str, payload: dict[str, object]) -> dict[str, object]:
        return {"event_id": f"{name}-{_NANOSECONDS}", **who, "event_time": _NOW, **payload}

    yield "Initialize the player", "ChallengeService", "InitializePlayer", who
    yield "List the active goals", "ChallengeService", "ListChallenges", {**who, "active_only": True}
    yield "Log in", "EventService", "ReportEvent", {"event": event("login", {"logged_in": {}})}
    if not demo:
        return
    wins = [
        event(f"win-{number}", {"stat_updated": {"stat_code": STAT, "delta": delta}})
        for number, delta in enumerate(WINS, 1)
    ]
    yield "Win three matches", "EventService", "ReportEvents", {"events": wins}
    yield "See the progress", "ChallengeService", "ListChallenges", {**who, "active_only": True}
    claim = {**who, "challenge_id": CHALLENGE, "goal_id": GOAL}
    yield "Claim the reward, and wait for it", "ChallengeService", "ClaimReward", {**claim, "wait": "2s"}
    yield "Claim it again: ALREADY_EXISTS, and nothing is granted twice", "ChallengeService", "ClaimReward", claim


def _command(address: str, method: str, request: str) -> str:
    if grpcurl := find_tool("grpcurl"):
        return f"{grpcurl} -plaintext -d {request} {address} {method}"
    return f"{find_tool('buf')} curl --protocol grpc --http2-prior-knowledge http://{address}/{method} -d {request}"


FOLDERS = (Path(".tools/bin"), Path(sys.executable).parent)
"""The folders that `make tools` and the installation use."""


def find_tool(name: str) -> str | None:
    """Return the path of a tool from the working directory; None if it is not installed."""
    here = Path.cwd()
    for path in (here / folder / name for folder in FOLDERS):
        if path.is_file():
            return str(path.relative_to(here) if path.is_relative_to(here) else path)
    return shutil.which(name)
