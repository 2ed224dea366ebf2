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


def grpcurl_line(grpcurl: str, step: Step, addresses: Addresses) -> str:
    """Return the step as a grpcurl command."""
    return f"{grpcurl} -plaintext -d {quoted(step.request)} {addresses.of(step.service)} {step.service}/{step.method}"


def buf_line(buf: str, step: Step, addresses: Addresses) -> str:
    """Return the step as a `buf curl` command."""
    url = f"http://{addresses.of(step.service)}/{step.service}/{step.method}"
    return f"{buf} curl --protocol grpc --http2-prior-knowledge {url} -d {quoted(step.request)}"


def story(addresses: Addresses, *, demo: bool) -> str:
    """Return the whole story, once for each installed tool, each with a new player of its own."""
    paragraphs = []
    for tool, line, target in (("grpcurl", grpcurl_line, "tools"), ("buf", buf_line, "proto")):
        command = find_tool(tool)
        if command is None:
            paragraphs.append(f"# For the story with {tool}: make {target}")
            continue
        paragraphs.append(f"# The story with {tool}.")
        player = f"player-{secrets.token_hex(4)}"
        for number, step in enumerate(steps(player, demo=demo), 1):
            paragraphs.append(f"# {number}. {step.caption}\n{line(command, step, addresses)}")
    return "\n\n".join(paragraphs)
