"""A reward is claimed once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.errors import (
    AlreadyClaimed,
    ChallengeError,
    GoalInactive,
    GoalLocked,
    GoalNotCompleted,
    RequestIdReused,
)
from shared.domain.events import CompletionKey, Event
from shared.domain.instant import DAY, LIFETIME_START
from shared.domain.progress import GoalState
from shared.operations.goals.activate import set_goal_active
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.find_claims import GrantWaits
from shared.postgres.database import Database
from tests.support.databases import PATIENCE_S, connected, soon, status_of
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.unstalled_clock import unstalled_s

pytestmark = pytest.mark.usefixtures("patient_pool")

NOW = FIRST_DAY * DAY
CALLERS = 100

WIN = goal("win", target=1)
OTHER = goal("other", target=1)
FAR = goal("far", target=1_000)
LOCKED = goal("locked", target=1, requires=("far",))
CATALOGUE = catalogue_of(WIN, OTHER, FAR, LOCKED)


@pytest.fixture
def player(database: Database) -> str:
    """Return a player who has completed all goals that one event completes."""
    flush(database, CATALOGUE, [Event("id", "player", NOW, KILLS, delta=1)], soon())
    return "player"


def grants(database_url: str) -> list[tuple[object, ...]]:
    """Return the rows of the outbox."""
    with connected(database_url) as connection:
        return connection.execute(
            "SELECT user_id, goal_id, occurrence, claim_number, grant_id::text, state, reward_type, reward_id, quantity"
            " FROM reward_outbox ORDER BY goal_id"
        ).fetchall()


def test_a_claim_inserts_its_grant_into_the_outbox(database: Database, database_url: str, player: str) -> None:
    claim = claim_reward(database, CATALOGUE, player, WIN, "request", NOW + 5, soon())
    key = CompletionKey(player, "win", LIFETIME_START, 1)
    assert claim == Claim(key, "request", ClaimState.PENDING, WIN.reward, grant_id(key, 1), NOW + 5)
    assert grants(database_url) == [(player, "win", 1, 1, claim.grant_id, "PENDING", "WALLET", "GEMS", 10)]
    status = status_of(database, CATALOGUE, player, WIN)
    assert (status.state, status.claim_time) == (GoalState.CLAIMED, NOW + 5)


def test_a_call_that_waits_for_its_grant_ends_when_the_process_stops(database: Database, player: str) -> None:
    claim = claim_reward(database, CATALOGUE, player, WIN, "request", NOW, soon())
    waits = GrantWaits(database, waits_max=1)
    with ThreadPoolExecutor(1) as callers:
        caller = callers.submit(waits.settled, claim, soon(PATIENCE_S))
        with pytest.raises(TimeoutError):
            caller.result(0.1)
        started = unstalled_s()
        waits.stop()
        assert caller.result(PATIENCE_S).state is ClaimState.PENDING
        assert unstalled_s() - started < PATIENCE_S / 2


@pytest.mark.parametrize(("goal_id", "error"), [("far", GoalNotCompleted), ("locked", GoalLocked)])
def test_a_refused_claim_stores_nothing(
    database: Database, database_url: str, player: str, goal_id: str, error: type[ChallengeError]
) -> None:
    with pytest.raises(error):
        claim_reward(database, CATALOGUE, player, CATALOGUE.goals[goal_id], "request", NOW, soon())
    assert grants(database_url) == []
    assert claim_reward(database, CATALOGUE, player, WIN, "request", NOW, soon()).key.goal_id == "win"


def test_a_deactivated_goal_cannot_be_claimed_until_it_is_active_again(database: Database, player: str) -> None:
    set_goal_active(database, CATALOGUE, player, WIN, False, NOW, soon())
    with pytest.raises(GoalInactive):
        claim_reward(database, CATALOGUE, player, WIN, None, NOW, soon())
    set_goal_active(database, CATALOGUE, player, WIN, True, NOW, soon())
    claim_reward(database, CATALOGUE, player, WIN, None, NOW, soon())


def test_the_same_request_gets_the_same_claim_and_another_one_does_not(database: Database, player: str) -> None:
    claim = claim_reward(database, CATALOGUE, player, WIN, "request", NOW, soon())
    assert claim_reward(database, CATALOGUE, player, WIN, "request", NOW + 9, soon()) == claim
    for other_request in ("another request", None):
        with pytest.raises(AlreadyClaimed):
            claim_reward(database, CATALOGUE, player, WIN, other_request, NOW, soon())


def test_a_request_id_belongs_to_one_claim_of_the_player(database: Database, database_url: str, player: str) -> None:
    claim_reward(database, CATALOGUE, player, WIN, "request", NOW, soon())
    with pytest.raises(RequestIdReused):
        claim_reward(database, CATALOGUE, player, OTHER, "request", NOW, soon())
    flush(database, CATALOGUE, [Event("id", "somebody else", NOW, KILLS, delta=1)], soon())
    claim_reward(database, CATALOGUE, "somebody else", OTHER, "request", NOW, soon())
    assert [(user_id, goal_id) for user_id, goal_id, *_ in grants(database_url)] == [
        ("somebody else", "other"),
        (player, "win"),
    ]


def test_a_goal_whose_target_is_reached_unlocks_another_though_no_event_completed_it(
    database: Database, player: str
) -> None:
    reached, out_of_reach = goal("reached", target=1), goal("out of reach", target=2)

    def claim(*required: str) -> Claim:
        behind = goal("locked", target=1, requires=required)
        catalogue = catalogue_of(WIN, OTHER, FAR, reached, out_of_reach, behind)
        return claim_reward(database, catalogue, player, behind, None, NOW, soon())

    with pytest.raises(GoalLocked):
        claim("win", "reached", "out of reach")
    assert claim("win", "reached").state is ClaimState.PENDING


@pytest.mark.parametrize("request_id", ["request", None], ids=["one request id", "no request id"])
@pytest.mark.parametrize("stored", [True, False], ids=["completed by an event", "satisfied without an event"])
def test_one_of_many_concurrent_claims_is_granted(
    database: Database, database_url: str, player: str, request_id: str | None, stored: bool
) -> None:
    # A new goal that is already satisfied has no stored completion yet.
    chosen = WIN if stored else goal("new", target=1)
    catalogue = CATALOGUE if stored else catalogue_of(*CATALOGUE.goals.values(), chosen)

    def claim(number: int) -> Claim | type[ChallengeError]:
        try:
            return claim_reward(database, catalogue, player, chosen, request_id, NOW + number, soon())
        except ChallengeError as refusal:
            return type(refusal)

    with ThreadPoolExecutor(16) as callers:
        replies = list(callers.map(claim, range(CALLERS)))
    (granted,) = grants(database_url)
    claims = [reply for reply in replies if isinstance(reply, Claim)]
    assert {claim.grant_id for claim in claims} == {granted[4]}
    assert len(set(claims)) == 1
    if request_id is None:
        assert len(claims) == 1
        assert replies.count(AlreadyClaimed) == CALLERS - 1
    else:
        assert len(claims) == CALLERS


def test_one_of_two_concurrent_claims_under_one_request_id_is_refused(
    database: Database, database_url: str, player: str
) -> None:
    for number in range(20):
        user_id = f"{player} {number}"
        flush(database, CATALOGUE, [Event("id", user_id, NOW, KILLS, delta=1)], soon())
        with ThreadPoolExecutor(2) as callers:
            replies = [
                callers.submit(claim_reward, database, CATALOGUE, user_id, each, "request", NOW, soon())
                for each in (WIN, OTHER)
            ]
        errors = [reply.exception() for reply in replies]
        assert [type(error) for error in errors if error is not None] == [RequestIdReused]
    assert len(grants(database_url)) == 20
