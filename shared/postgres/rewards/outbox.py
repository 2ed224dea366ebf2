"""Claims and their grants in the reward outbox."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from shared.domain.claims import Claim, ClaimState, RefusalReason
from shared.domain.events import CompletionKey
from shared.domain.grants import NO_PROVIDER, Granting
from shared.domain.reward import Reward, RewardType
from shared.postgres.connection import Connection
from shared.postgres.sqlstates import ContentRefused
from shared.postgres.statements import int_array, nullable_text_array, statement, text_array

_STORE = statement("store_claims")
_STORE_ONE = statement("store_claim")
_STORE_REWARDS = statement("store_rewards")
_FIND = statement("find_claim")
_FIND_BY_REQUEST = statement("find_claim_by_request")
_FIND_BY_GRANT = statement("find_claim_by_grant")
_FIND_NEWEST = statement("find_newest_claims")
_LIST = statement("list_claims")


class Claimed(NamedTuple):
    """The challenge and tags that a claim counts for."""

    challenge_id: str | None
    tags: tuple[str, ...]
    before: bool = False
    """True if another reward of the completion was claimed already."""


def store(connection: Connection, claims: Collection[Claim], granting: Granting) -> dict[CompletionKey, Claimed]:
    """Claim completions, and store each claim with its grant, due at once, for its reward's provider.

    Return where the stored claims count, by completion. Nothing is stored of a completion that is claimed or not
    stored, or whose next claim has another number.
    """
    rows = _STORE.rows(connection, *_columns(claims, granting))
    return {CompletionKey(*key): Claimed(challenge_id, tuple(tags)) for *key, challenge_id, tags in rows}


def store_locked(connection: Connection, claims: Collection[Claim], granting: Granting) -> None:
    """Do what `store` does by the next round trip, for completions that are locked and unclaimed."""
    for claim in sorted(claims, key=lambda claim: claim.key):
        reward = claim.reward
        _STORE_ONE.defer(
            connection,
            *claim.key,
            claim.claim_number,
            claim.grant_id,
            claim.request_id,
            granting.routes.get(reward.type, NO_PROVIDER),
            reward.type.value,
            reward.id,
            reward.quantity,
            reward.priority,
            granting.claim_time,
        )


def store_rewards(connection: Connection, claims: Collection[Claim], granting: Granting) -> None:
    """Store claims with their further ones by the next round trip, for locked completions with several rewards."""
    each = [grant for claim in claims for grant in claim.each]
    ordered = sorted(each, key=lambda claim: (claim.key, claim.reward_number))
    numbers = int_array([claim.reward_number for claim in ordered])
    _STORE_REWARDS.defer(connection, *_columns(ordered, granting), numbers)


def _columns(claims: Collection[Claim], granting: Granting) -> Iterator[object]:
    """Yield the parameters that store claims, sorted by key and reward."""
    ordered = sorted(claims, key=lambda claim: (claim.key, claim.reward_number))
    keys, rewards = [claim.key for claim in ordered], [claim.reward for claim in ordered]
    yield text_array([key.user_id for key in keys])
    yield text_array([key.goal_id for key in keys])
    yield int_array([key.period_start for key in keys])
    yield int_array([key.occurrence for key in keys])
    yield int_array([claim.claim_number for claim in ordered])
    yield text_array([claim.grant_id for claim in ordered])
    yield nullable_text_array([claim.request_id for claim in ordered])
    yield text_array([granting.routes.get(reward.type, NO_PROVIDER) for reward in rewards])
    yield text_array([reward.type.value for reward in rewards])
    yield text_array([reward.id for reward in rewards])
    yield int_array([reward.quantity for reward in rewards])
    yield int_array([reward.priority for reward in rewards])
    yield granting.claim_time


def is_reused_request_id(refused: ContentRefused) -> bool:
    """Return whether a claim was refused because the player made another one under its request id."""
    return refused.evidence["constraint"] == "reward_outbox_request_id"


def find(connection: Connection, key: CompletionKey) -> Claim | None:
    """Return the newest claim of a completion, without further rewards; None if it was never claimed."""
    row = _FIND.row(connection, *key)
    return None if row is None else _claim(row)


def find_by_request(connection: Connection, user_id: str, request_id: str) -> Claim | None:
    """Return the claim that the player made under this request id."""
    return _together(_FIND_BY_REQUEST.rows(connection, user_id, request_id))


def find_by_grant(connection: Connection, user_id: str, grant_id: UUID) -> Claim | None:
    """Return the player's claim with this grant."""
    return _together(_FIND_BY_GRANT.rows(connection, user_id, grant_id))


def find_newest(connection: Connection, user_id: str, keys: Sequence[CompletionKey]) -> dict[CompletionKey, Claim]:
    """Return the newest claim of each of these completions of one player, with those of its further rewards."""
    rows = _FIND_NEWEST.rows(
        connection,
        user_id,
        int_array([key.period_start for key in keys]),
        text_array([key.goal_id for key in keys]),
        int_array([key.occurrence for key in keys]),
    )
    found: dict[CompletionKey, list[Claim]] = {}
    for claim in map(_claim, rows):
        found.setdefault(claim.key, []).append(claim)
    return {key: first._replace(further=tuple(further)) for key, (first, *further) in found.items()}


def page(
    connection: Connection, user_id: str, states: Collection[ClaimState], after: UUID | None, count: int
) -> list[Claim]:
    """Return at most `count` claims of the player in these states, or in any, after the claim with this grant."""
    wanted = text_array([state.value for state in states]) if states else None
    return [_claim(row) for row in _LIST.rows(connection, user_id, wanted, after, count)]


def _together(rows: Sequence[tuple[Any, ...]]) -> Claim | None:
    """Return the claim of the first row, with the other ones as further claims; None if there is no row."""
    claims = tuple(map(_claim, rows))
    return claims[0]._replace(further=claims[1:]) if claims else None


def _claim(row: tuple[Any, ...]) -> Claim:
    *key, claim_number, request_id, grant_id, state = row[:8]
    reward_type, *reward, attempts, refusal, claim_time, settle_time, reward_number = row[8:]
    return Claim(
        key=CompletionKey(*key),
        request_id=request_id,
        state=ClaimState(state),
        reward=Reward(RewardType(reward_type), *reward),
        grant_id=str(grant_id),
        claim_time=claim_time,
        claim_number=claim_number,
        attempts=attempts,
        refusal=None if refusal is None else RefusalReason(refusal),
        settle_time=settle_time,
        reward_number=reward_number,
    )
