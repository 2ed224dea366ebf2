"""Sizes of responses: clients refuse responses above a limit of their own, by default 4 MiB in gRPC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shared.domain.catalogue import Catalogue, Challenge, Goal
from shared.rpc.encoded_catalogue import challenge_fields
from shared.rpc.goal_encoding import definition

RESPONSE_BYTES_MAX = 7 * 1024 * 1024 // 2
"""Maximum size in bytes of a response that can be divided or shortened: 3.5 MiB. The rest of the 4 MiB that clients
accept by default is left to the fields beside the goals, and to clients that count headers."""

_FRAMING_BYTES_MAX = 6
"""Maximum size in bytes of a message's tag and length in a response."""
_PLAYER_BYTES_MAX = 71
"""Maximum size in bytes of a goal's fields for a player: three times (48), the progress (11), four numbers (12)."""


def size_warnings(catalogue: Catalogue) -> Iterator[str]:
    """Yield why clients with gRPC's default limit may not get some of the catalogue's definitions."""
    for challenge in catalogue.challenges:
        size = challenge_size(challenge)
        if size > RESPONSE_BYTES_MAX:
            yield (
                f"challenge {challenge.id!a}: takes up to {_mebibytes(size)} in a response, more than "
                f"{_mebibytes(RESPONSE_BYTES_MAX)}: gRPC clients refuse more than 4 MiB by default, and a challenge is "
                "never divided"
            )
    size = _goals_size(catalogue.default_goals)
    if size > RESPONSE_BYTES_MAX:
        yield (
            f"the goals that are active by default take up to {_mebibytes(size)} in a response, more than "
            f"{_mebibytes(RESPONSE_BYTES_MAX)}: InitializePlayer omits them unless it is asked for the light form"
        )


def challenge_size(challenge: Challenge) -> int:
    """Return the maximum size of the challenge in a response."""
    return _FRAMING_BYTES_MAX + len(challenge_fields(challenge)) + _goals_size(challenge.goals)


def _goals_size(goals: Iterable[Goal]) -> int:
    """Return the maximum size of the goals in a response."""
    return sum(_FRAMING_BYTES_MAX + len(definition(goal)) + _PLAYER_BYTES_MAX for goal in goals)


def _mebibytes(size: int) -> str:
    return f"{size / 1024**2:.1f} MiB"
