"""A player's first minutes as commands to paste: initialize, list, log in, win matches, list, claim, claim again.

This is the only place in the stack that knows ids of the demo catalogue.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from devstack.tools import find_tool

CHALLENGE = "combat"
GOAL = "win-3-matches"
STAT = "matches_won"
WINS = (2, 1)
"""Deltas of the two stat events; together they reach the goal's target."""

CHALLENGE_SERVICE = "challenge.v1.ChallengeService"
EVENT_SERVICE = "challenge.v1.EventService"

_NOW = "{now}"
_NANOSECONDS = "{nanoseconds}"
_SUBSTITUTIONS = {_NOW: "date -u +%Y-%m-%dT%H:%M:%SZ", _NANOSECONDS: "date +%s%N"}
"""Commands that the shell runs when a line is pasted: an event must be recent, and its id new."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call and its caption."""

    caption: str
    service: str
    method: str
    request: dict[str, object]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Host and port of each service."""

    challenge: str
    event: str

    def of(self, service: str) -> str:
        """Return the address of a service."""
        return self.challenge if service == CHALLENGE_SERVICE else self.event


def steps(player: str, *, demo: bool) -> Iterator[Step]:
    """Yield the story of one player; without the demo catalogue only the steps that work with every catalogue."""
    who: dict[str, object] = {"user_id": player}
    yield Step("Initialize the player", CHALLENGE_SERVICE, "InitializePlayer", who)
    yield Step("List the active goals", CHALLENGE_SERVICE, "ListChallenges", {**who, "active_only": True})
    login = _event("login", player, {"logged_in": {}})
    yield Step("Log in", EVENT_SERVICE, "ReportEvent", {"event": login})
    if not demo:
        return
    wins = [
        _event(f"win-{number}", player, {"stat_updated": {"stat_code": STAT, "delta": delta}})
        for number, delta in enumerate(WINS, 1)
    ]
    yield Step("Win three matches", EVENT_SERVICE, "ReportEvents", {"events": wins})
    yield Step("See the progress", CHALLENGE_SERVICE, "ListChallenges", {**who, "active_only": True})
    claim = {**who, "challenge_id": CHALLENGE, "goal_id": GOAL}
    yield Step("Claim the reward, and wait for it", CHALLENGE_SERVICE, "ClaimReward", {**claim, "wait": "2s"})
    yield Step("Claim it again: ALREADY_EXISTS, and nothing is granted twice", CHALLENGE_SERVICE, "ClaimReward", claim)


def _event(name: str, player: str, payload: dict[str, object]) -> dict[str, object]:
    return {"event_id": f"{name}-{_NANOSECONDS}", "user_id": player, "event_time": _NOW, **payload}


def quoted(request: dict[str, object]) -> str:
    """Return the request as one shell word of JSON that includes command substitutions."""
    text = json.dumps(request).replace("'", "\\u0027")
    for placeholder, command in _SUBSTITUTIONS.items():
        text = text.replace(placeholder, f"'\"$({command})\"'")
    return f"'{text}'"


def story(addresses: Addresses, *, demo: bool) -> str:
    """Return the whole story of a new player, with grpcurl if it is built and otherwise with `buf curl`."""
    player = f"player-{secrets.token_hex(4)}"
    return "\n\n".join(
        f"# {number}. {step.caption}\n{_command(step, addresses.of(step.service))}"
        for number, step in enumerate(steps(player, demo=demo), 1)
    )


def _command(step: Step, address: str) -> str:
    """Return the step as a command to paste."""
    method, request = f"{step.service}/{step.method}", quoted(step.request)
    if grpcurl := find_tool("grpcurl"):
        return f"{grpcurl} -plaintext -d {request} {address} {method}"
    return f"{find_tool('buf')} curl --protocol grpc --http2-prior-knowledge http://{address}/{method} -d {request}"
