"""Claims after they are made: waited for, read, listed, refused and made again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import (
    ClaimAllRequest,
    ClaimRewardRequest,
    GetClaimRequest,
    GetClaimResponse,
    ListClaimsRequest,
)
from google.protobuf.duration_pb2 import Duration

from challenge_service.claim_messages import CLAIM_STATES, REFUSAL_REASONS
from challenge_service.claim_servicer import WAITS_MAX
from shared.domain.claims import ClaimState, RefusalReason
from shared.domain.grants import NO_PROVIDER, Delivery, Refused, TryAgain
from shared.domain.instant import HOUR, SECOND
from tests.support.databases import opened
from tests.support.event_messages import login, stat, timestamp
from tests.support.game_provider import GameProvider
from tests.support.refusals import refusal
from tests.support.rewards import destination, dispatch_all, dispatching, pass_until, states
from tests.support.services import NOW, Game
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

COMPLETED = challenge_pb2.GOAL_STATE_COMPLETED
PENDING, GRANTED = challenge_pb2.CLAIM_STATE_PENDING, challenge_pb2.CLAIM_STATE_GRANTED
REFUSED, DEAD = challenge_pb2.CLAIM_STATE_REFUSED, challenge_pb2.CLAIM_STATE_DEAD


def deliver(running: Game, provider: GameProvider) -> None:
    """Deliver every claim until it is settled."""
    with opened(running.database_url) as database:
        to = destination(provider, name=NO_PROVIDER)
        with dispatching(database, to, running.clock) as dispatcher:
            dispatch_all([dispatcher], running.database_url)


@contextmanager
def delivering(running: Game, provider: GameProvider) -> Iterator[None]:
    """Deliver claims within the context."""
    over = threading.Event()

    def work() -> None:
        with opened(running.database_url) as database:
            to = destination(provider, name=NO_PROVIDER)
            with dispatching(database, to, running.clock) as dispatcher:
                while not over.is_set():
                    dispatcher.one_pass()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            yield
        finally:
            over.set()
            working.result()


def claim_and_wait(running: Game, wait_s: float, user_id: str = "player", request_id: str = "") -> challenge_pb2.Claim:
    wait = Duration(seconds=int(wait_s), nanos=int(wait_s % 1 * 1e9))
    request = ClaimRewardRequest(
        user_id=user_id, challenge_id="arena", goal_id="warm-up", request_id=request_id, wait=wait
    )
    return running.challenges.ClaimReward(request).claim


def get(running: Game, grant_id: str, user_id: str = "player") -> GetClaimResponse:
    return running.challenges.GetClaim(GetClaimRequest(user_id=user_id, grant_id=grant_id))


def test_every_state_and_reason_has_a_value_in_the_contract() -> None:
    assert set(CLAIM_STATES) == set(ClaimState)
    assert len(challenge_pb2.ClaimState.keys()) == len(ClaimState) + 1
    assert set(REFUSAL_REASONS) == {None, *RefusalReason}
    assert len(challenge_pb2.RefusalReason.keys()) == len(RefusalReason) + 1


def test_a_waiting_claim_returns_once_it_is_granted(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3))
    with delivering(sample_game, GameProvider()):
        started = unstalled_s()
        claim = claim_and_wait(sample_game, 10)
        assert unstalled_s() - started < 5
    assert (claim.state, claim.attempts, claim.settle_time) == (GRANTED, 1, timestamp(NOW))
    assert get(sample_game, claim.grant_id).claim == claim


def test_a_waiting_claim_returns_its_state_after_the_wait(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3))
    started, began = unstalled_s(), time.monotonic()
    claim = claim_and_wait(sample_game, 0.3)
    assert time.monotonic() - began > 0.2
    assert unstalled_s() - started < 3
    assert claim.state == PENDING


def test_a_repeated_request_returns_the_claim_with_its_current_state(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3))
    first = claim_and_wait(sample_game, 0, request_id="request")
    deliver(sample_game, GameProvider())
    again = claim_and_wait(sample_game, 10, request_id="request")
    assert (first.state, again.state, again.grant_id) == (PENDING, GRANTED, first.grant_id)


def test_the_number_of_waiting_calls_is_bounded(sample_game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.rpc.validation.WAIT_MAX_S", 60)
    players = [f"player {number}" for number in range(WAITS_MAX + 4)]
    sample_game.report(*(stat("wins", who, delta=3) for who in players))
    with ThreadPoolExecutor(len(players)) as pool:
        calls = [pool.submit(claim_and_wait, sample_game, 60, who) for who in players]
        wait_until(lambda: sum(call.done() for call in calls) == 4)
        assert [call.result().state for call in calls if call.done()] == [PENDING] * 4
        # All others wait, and for what happens only now.
        deliver(sample_game, GameProvider())
        found = Counter(call.result().state for call in calls)
    assert found == {PENDING: 4, GRANTED: WAITS_MAX}


@pytest.mark.parametrize(
    ("behaviour", "state", "reason"),
    [
        (lambda _: Refused(RefusalReason.PLAYER_UNKNOWN), REFUSED, challenge_pb2.REFUSAL_REASON_PLAYER_UNKNOWN),
        (lambda _: TryAgain("out of gems"), DEAD, challenge_pb2.REFUSAL_REASON_UNSPECIFIED),
    ],
    ids=["refused for good", "dead"],
)
def test_a_failed_claim_has_its_reason_and_stays_claimed(
    sample_game: Game, behaviour: Callable[[Delivery], None], state: int, reason: int
) -> None:
    sample_game.report(stat("wins", delta=3))
    claim = sample_game.claim("warm-up", request_id="request")
    with opened(sample_game.database_url) as database:
        to = destination(GameProvider(behaviour), name=NO_PROVIDER)
        with dispatching(database, to, sample_game.clock) as dispatcher:

            def settled() -> bool:
                # Time passes between deliveries only, so that no lease ends before its delivery has begun.
                if states(sample_game.database_url) == {ClaimState.PENDING}:
                    sample_game.clock.now += HOUR
                return sample_game.claim("warm-up", request_id="request").state == state

            pass_until([dispatcher], settled)
    found = get(sample_game, claim.grant_id)
    assert (found.claim.state, found.claim.refusal_reason) == (state, reason)
    assert not found.HasField("position")
    assert sample_game.goal("warm-up").state == challenge_pb2.GOAL_STATE_CLAIMED
    assert refusal(lambda: sample_game.claim("warm-up")).reason == "ALREADY_CLAIMED"


def test_a_temporary_refusal_makes_the_goal_claimable_again(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3))
    first = sample_game.claim("warm-up", request_id="first")
    provider = GameProvider(lambda _: Refused(RefusalReason.INVENTORY_FULL))
    deliver(sample_game, provider)
    assert sample_game.goal("warm-up").state == COMPLETED
    assert not sample_game.goal("warm-up").HasField("claim_time")
    refused = sample_game.claim("warm-up", request_id="first")
    assert (refused.state, refused.grant_id, refused.claim_number) == (REFUSED, first.grant_id, 1)

    sample_game.clock.now += SECOND
    second = sample_game.claim("warm-up", request_id="second")
    assert (second.state, second.claim_number, second.grant_id != first.grant_id) == (PENDING, 2, True)
    provider.behaviour = lambda _: None
    deliver(sample_game, provider)
    assert set(provider.ledger) == {second.grant_id}
    assert get(sample_game, first.grant_id).claim.state == REFUSED
    assert get(sample_game, second.grant_id).claim.state == GRANTED


def test_claim_all_claims_what_can_be_claimed_and_reports_every_goal(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=10), stat("level", value=1), login(at=NOW - SECOND))
    sample_game.set_active("champion", True)
    sample_game.set_active("welcome", False)
    earlier = sample_game.claim("warm-up")
    sample_game.clock.now += HOUR

    def claim_all(challenge_id: str = "") -> dict[str, tuple[bool, str, str]]:
        request = ClaimAllRequest(user_id="player", challenge_id=challenge_id)
        results = sample_game.challenges.ClaimAll(request).results
        return {result.goal_id: (result.newly_claimed, result.reason, result.claim.grant_id) for result in results}

    assert claim_all() == {
        "warm-up": (False, "", earlier.grant_id),
        "champion": (False, "GOAL_LOCKED", ""),
        "welcome": (False, "GOAL_INACTIVE", ""),
    }
    sample_game.report(stat("level", value=5))
    sample_game.set_active("welcome", True)
    assert list(claim_all("career")) == ["veteran", "welcome"]
    first = claim_all()
    assert {goal_id: newly for goal_id, (newly, _, _) in first.items()} == {
        "warm-up": False,
        "champion": True,
        "veteran": False,
        "welcome": False,
    }
    # Repeating the call returns the same claims.
    assert {goal_id: grant for goal_id, (_, _, grant) in claim_all().items()} == {
        goal_id: grant for goal_id, (_, _, grant) in first.items()
    }
    assert len({grant for _, _, grant in first.values()}) == 4


def test_claim_all_without_completed_goals_claims_nothing(sample_game: Game) -> None:
    assert not sample_game.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results


def test_a_claim_belongs_to_its_player(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3))
    grant_id = sample_game.claim("warm-up").grant_id
    assert refusal(lambda: get(sample_game, grant_id, "other")).reason == "CLAIM_NOT_FOUND"


def test_a_pending_claim_has_a_position_in_the_queue(sample_game: Game) -> None:
    players = [f"player {number}" for number in range(5)]
    sample_game.report(*(stat("wins", who, delta=3) for who in players))
    grants = []
    for who in players:
        sample_game.clock.now += SECOND
        grants.append((who, sample_game.claim("warm-up", who).grant_id))
    positions = [get(sample_game, grant_id, who).position for who, grant_id in grants]
    assert [(position.ahead, position.error) for position in positions] == [(number, 0) for number in range(5)]
    assert positions[0].count_time == timestamp(NOW + 5 * SECOND)


def test_claims_are_listed_by_state_and_page(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3), stat("score", value=1000), login())
    for goal_id in ("warm-up", "welcome"):
        sample_game.claim(goal_id)
    deliver(sample_game, GameProvider())
    sample_game.claim("high-score")

    def listed(*states: challenge_pb2.ClaimState.ValueType, page_size: int = 0) -> list[list[str]]:
        pages, token = [], ""
        while True:
            request = ListClaimsRequest(user_id="player", states=states, page_size=page_size, page_token=token)
            response = sample_game.challenges.ListClaims(request)
            pages.append([claim.goal_id for claim in response.claims])
            token = response.next_page_token
            if not token:
                return pages

    assert listed() == [["welcome", "warm-up", "high-score"]]
    assert listed(page_size=2) == [["welcome", "warm-up"], ["high-score"]]
    assert listed(page_size=3) == [["welcome", "warm-up", "high-score"]]
    assert listed(PENDING) == [["high-score"]]
    assert listed(GRANTED, page_size=1) == [["welcome"], ["warm-up"]]
    assert listed(GRANTED, PENDING) == [["welcome", "warm-up", "high-score"]]
    assert listed(DEAD) == [[]]


def test_a_page_token_is_valid_only_for_its_request(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3), login())
    for goal_id in ("warm-up", "welcome"):
        sample_game.claim(goal_id)
    first = sample_game.challenges.ListClaims(ListClaimsRequest(user_id="player", page_size=1))
    for other in (
        ListClaimsRequest(user_id="other", page_token=first.next_page_token),
        ListClaimsRequest(user_id="player", states=[PENDING], page_token=first.next_page_token),
    ):
        assert set(refusal(lambda: sample_game.challenges.ListClaims(other)).fields) == {"page_token"}  # noqa: B023
