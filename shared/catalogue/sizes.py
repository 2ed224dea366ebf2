"""The size of a challenge in responses, which are never divided inside of a challenge.

gRPC clients refuse responses of more than 4 MiB by default. A challenge above the bound could be read by none of them.
"""

from __future__ import annotations

CHALLENGE_BYTES_MAX = 7 * 1024 * 1024 // 2
"""Maximum size in bytes of a challenge in a response: 3.5 MiB. The rest of the 4 MiB is left to other fields, and
to clients that count headers."""

_GOAL_BYTES = 160
"""Allowance in bytes for the numbers and times of a goal, of its definition and of a player."""
_SEASON_ID_BYTES = 520
"""Allowance in bytes for the id of the season that a goal's schedule may belong to."""
_REWARD_BYTES = 8
"""Allowance in bytes for the numbers of one of several rewards, without its texts."""
_TIER_BYTES = 40
"""Allowance in bytes for the numbers of a tier and of its first reward, without their texts, and for its state."""
_TEXT_BYTES = 4
"""Allowance in bytes for the tag and length of a text."""


def response_size(challenge: object) -> int:
    """Return the maximum size in bytes of a challenge, given as in a document, in a response."""
    goals = challenge.get("goals") if isinstance(challenge, dict) else None
    if not isinstance(challenge, dict) or not isinstance(goals, list):
        return 0
    # Each goal repeats the id of its challenge, and its schedule if the goal has none of its own.
    schedule = challenge.get("schedule")
    repeated = _GOAL_BYTES + _text_bytes(challenge.get("id")) + _text_bytes(schedule)
    scheduled = (
        len(goals) if schedule is not None else sum(isinstance(goal, dict) and "schedule" in goal for goal in goals)
    )
    tiers = [tier for goal in goals for tier in _entries(goal, "tiers")]
    rewards = sum(len(_entries(each, "rewards")) for each in (*goals, *tiers))
    numbers = rewards * _REWARD_BYTES + len(tiers) * _TIER_BYTES
    return _text_bytes(challenge) + len(goals) * repeated + scheduled * _SEASON_ID_BYTES + numbers


def _entries(value: object, key: str) -> list[object]:
    entries = value.get(key) if isinstance(value, dict) else None
    return entries if isinstance(entries, list) else []


def _text_bytes(value: object) -> int:
    """Return the size of all texts in a value."""
    if isinstance(value, str):
        # Half of a surrogate pair is another rule's problem.
        return _TEXT_BYTES + len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, dict):
        # The keys of a document are not in a response, but those of meta are, each with its value as a message.
        keys = sum(_text_bytes(key) + _TEXT_BYTES for key in value.get("meta") or () if isinstance(key, str))
        return keys + sum(map(_text_bytes, value.values()))
    return sum(map(_text_bytes, value)) if isinstance(value, list) else 0
