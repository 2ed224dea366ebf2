"""Responses with goals and challenges that are already encoded."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from challenge.v1 import challenge_service_pb2 as rpc

from challenge_service.claim_messages import claim_message, claimable_messages
from shared.domain.catalogue import Challenge
from shared.domain.claim_periods import PeriodStatus
from shared.domain.claims import Claim
from shared.domain.player_zones import ZoneRefused
from shared.operations.goals.initialize import Initialized
from shared.rpc.instants import timestamp_message
from shared.rpc.response_sizes import RESPONSE_BYTES_MAX
from shared.rpc.wire import Pieces, nested_pieces, nested_tag

_LISTED_CHALLENGES = nested_tag(rpc.ListChallengesResponse.DESCRIPTOR, "challenges")
_CHALLENGE = nested_tag(rpc.GetChallengeResponse.DESCRIPTOR, "challenge")

_FRAMING_BYTES_MAX = 6
"""Maximum size in bytes of a reward's tag and length in a page."""


def initialize_response(
    goals: Pieces | None,
    initialized: Initialized,
    new_assignments: int,
    catalogue_version: str,
    periods: bytes,
    attributes: Iterable[str],
) -> bytes:
    """Return an `InitializePlayerResponse` with encoded goals, which are omitted if they are None or too large.

    `periods` are encoded as a field of the response.
    """
    omitted = goals is None or goals.length > RESPONSE_BYTES_MAX
    rest = rpc.InitializePlayerResponse(
        created=initialized.created,
        new_assignments=new_assignments,
        catalogue_version=catalogue_version,
        goals_omitted=omitted,
        time_zone_refused=_time_zone_refused(initialized.zone_refused),
        attributes=sorted(attributes),
    )
    pieces = [] if goals is None or omitted else goals.pieces
    return b"".join([*pieces, rest.SerializeToString(), periods])


def _time_zone_refused(refused: ZoneRefused | None) -> rpc.TimeZoneRefused | None:
    if refused is None:
        return None
    return rpc.TimeZoneRefused(
        next_change_time=None if refused.until is None else timestamp_message(refused.until),
    )


def page_of(challenges: Iterable[tuple[Challenge, Pieces]], page_size: int) -> tuple[list[Pieces], Challenge | None]:
    """Return the first challenges, encoded, and the challenge that begins the next page; None if there is none.

    The page has at most `page_size` challenges unless that is 0, and at most `RESPONSE_BYTES_MAX` bytes unless the
    first challenge alone has more.
    """
    page: list[Pieces] = []
    length = 0
    for challenge, encoded in challenges:
        length += encoded.length
        if page and (len(page) == page_size or length > RESPONSE_BYTES_MAX):
            return page, challenge
        page.append(encoded)
    return page, None


def claimable_page(found: Iterable[PeriodStatus]) -> list[rpc.ClaimableReward]:
    """Return the first rewards that can be claimed, up to `RESPONSE_BYTES_MAX` bytes, but at least one."""
    page: list[rpc.ClaimableReward] = []
    length = 0
    for message in claimable_messages(found):
        length += message.ByteSize() + _FRAMING_BYTES_MAX
        if page and length > RESPONSE_BYTES_MAX:
            break
        page.append(message)
    return page


def list_response(challenges: Iterable[Pieces], next_page_token: str, catalogue_version: str, periods: bytes) -> bytes:
    """Return a `ListChallengesResponse` with encoded challenges; `periods` are encoded as a field of the response."""
    fields = nested_pieces(_LISTED_CHALLENGES, challenges)
    fields.append(_version_field(catalogue_version))
    fields.append(periods)
    if next_page_token:
        fields.append(rpc.ListChallengesResponse(next_page_token=next_page_token).SerializeToString())
    return b"".join(fields)


@lru_cache(2)
def _version_field(catalogue_version: str) -> bytes:
    return rpc.ListChallengesResponse(catalogue_version=catalogue_version).SerializeToString()


def challenge_response(encoded: Pieces, periods: bytes) -> bytes:
    """Return a `GetChallengeResponse` with an encoded challenge; `periods` are encoded as a field of the response."""
    return b"".join([*nested_pieces(_CHALLENGE, [encoded]), periods])


def claim_response(claim: Claim) -> rpc.ClaimRewardResponse:
    """Return a `ClaimRewardResponse`."""
    return rpc.ClaimRewardResponse(claim=claim_message(claim), further_claims=map(claim_message, claim.further))
