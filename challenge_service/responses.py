"""Responses with goals and challenges that are already encoded."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from challenge.v1 import challenge_service_pb2 as rpc

from challenge_service.claim_messages import claim_message
from shared.domain.claims import Claim
from shared.rpc.wire import Pieces, nested_pieces, nested_tag

_LISTED_CHALLENGES = nested_tag(rpc.ListChallengesResponse.DESCRIPTOR, "challenges")
_CHALLENGE = nested_tag(rpc.GetChallengeResponse.DESCRIPTOR, "challenge")


def initialize_response(goals: Pieces, created: bool, new_assignments: int) -> bytes:
    """Return an `InitializePlayerResponse` with encoded goals."""
    rest = rpc.InitializePlayerResponse(created=created, new_assignments=new_assignments)
    return b"".join([*goals.pieces, rest.SerializeToString()])


def list_response(challenges: Iterable[Pieces], next_page_token: str, catalogue_version: str) -> bytes:
    """Return a `ListChallengesResponse` with encoded challenges."""
    fields = nested_pieces(_LISTED_CHALLENGES, challenges)
    fields.append(_version_field(catalogue_version))
    if next_page_token:
        fields.append(rpc.ListChallengesResponse(next_page_token=next_page_token).SerializeToString())
    return b"".join(fields)


@lru_cache(2)
def _version_field(catalogue_version: str) -> bytes:
    return rpc.ListChallengesResponse(catalogue_version=catalogue_version).SerializeToString()


def challenge_response(encoded: Pieces) -> bytes:
    """Return a `GetChallengeResponse` with an encoded challenge."""
    return b"".join(nested_pieces(_CHALLENGE, [encoded]))


def claim_response(claim: Claim) -> rpc.ClaimRewardResponse:
    """Return a `ClaimRewardResponse`."""
    return rpc.ClaimRewardResponse(claim=claim_message(claim))
