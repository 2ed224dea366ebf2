"""Responses, around goals and challenges that are encoded already."""

from __future__ import annotations

from collections.abc import Iterable

from challenge.v1 import challenge_service_pb2 as rpc

from challenge_service.claim_messages import claim_message
from shared.domain.claims import Claim
from shared.rpc.wire import nested, nested_tag

_INITIALIZED_GOALS = nested_tag(rpc.InitializePlayerResponse.DESCRIPTOR, "goals")
_LISTED_CHALLENGES = nested_tag(rpc.ListChallengesResponse.DESCRIPTOR, "challenges")
_CHALLENGE = nested_tag(rpc.GetChallengeResponse.DESCRIPTOR, "challenge")
_GOAL = nested_tag(rpc.SetGoalActiveResponse.DESCRIPTOR, "goal")


def initialized(goals: Iterable[bytes], created: bool, new_assignments: int) -> bytes:
    """An `InitializePlayerResponse` of encoded goals."""
    rest = rpc.InitializePlayerResponse(created=created, new_assignments=new_assignments)
    return b"".join([*(nested(_INITIALIZED_GOALS, goal) for goal in goals), rest.SerializeToString()])


def listed(challenges: Iterable[bytes], next_page_token: str, catalogue_version: str) -> bytes:
    """A `ListChallengesResponse` of encoded challenges."""
    rest = rpc.ListChallengesResponse(next_page_token=next_page_token, catalogue_version=catalogue_version)
    return b"".join([*(nested(_LISTED_CHALLENGES, message) for message in challenges), rest.SerializeToString()])


def challenge(encoded: bytes) -> bytes:
    """A `GetChallengeResponse` of an encoded challenge."""
    return nested(_CHALLENGE, encoded)


def goal(encoded: bytes) -> bytes:
    """A `SetGoalActiveResponse` of an encoded goal."""
    return nested(_GOAL, encoded)


def claimed(claim: Claim) -> rpc.ClaimRewardResponse:
    """The response for a claim."""
    return rpc.ClaimRewardResponse(claim=claim_message(claim))
