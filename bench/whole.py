"""Checks of lists: they must parse, and have the right goals."""

from __future__ import annotations

from challenge.v1 import challenge_service_pb2 as rpc
from google.protobuf.message import DecodeError

from shared.domain.catalogue import Catalogue


def is_whole(answer: bytes, catalogue: Catalogue) -> bool:
    """Return whether an encoded `ListChallengesResponse` names all goals in the catalogue's order."""
    return _goals(answer) == list(catalogue.goals)


def is_part(answer: bytes, catalogue: Catalogue) -> bool:
    """Return whether an encoded `ListChallengesResponse` names some goals in the catalogue's order, each once."""
    listed = _goals(answer)
    if not listed:
        return False
    named = frozenset(listed)
    return listed == [goal_id for goal_id in catalogue.goals if goal_id in named]


def _goals(answer: bytes) -> list[str] | None:
    """Return the ids of the goals; None if the bytes cannot be parsed."""
    try:
        response = rpc.ListChallengesResponse.FromString(answer)
    except DecodeError:
        return None
    return [goal.goal_id for challenge in response.challenges for goal in challenge.goals]
