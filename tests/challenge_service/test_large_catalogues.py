"""Catalogues whose responses would exceed the 4 MiB that gRPC clients accept by default, as the callers here do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import (
    ClaimAllRequest,
    GetChallengeRequest,
    InitializePlayerRequest,
    InitializePlayerResponse,
    ListChallengesRequest,
    ListChallengesResponse,
    ListClaimsRequest,
)

from challenge_service.__main__ import encode
from challenge_service.responses import page_of
from shared.catalogue.fields import DESCRIPTION_LENGTH_MAX
from shared.domain.acceptance import ID_LENGTH_MAX
from shared.domain.catalogue import Catalogue
from shared.rpc.response_sizes import RESPONSE_BYTES_MAX
from shared.rpc.wire import Pieces
from tests.catalogue.documents import loaded
from tests.support.event_messages import login, stat
from tests.support.postgres_server import PostgresServer
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import Game, game

GOALS = 2_500
CLIENT_BYTES_MAX = 4 * 1024 * 1024
"""Default of gRPC clients."""
CLAIMED = 1_900
"""Goals whose claims do not fit into one response."""
TEXT = "x" * DESCRIPTION_LENGTH_MAX


def large_catalogue(challenges: int) -> Catalogue:
    """Return a catalogue of 2,500 goals with long texts, all active by default, in this many challenges of one size."""
    size = GOALS // challenges
    return loaded(
        {
            "challenges": [
                challenge(
                    f"challenge-{n}",
                    *(assigned(f"goal-{n}-{k}", description=TEXT) for k in range(size)),
                )
                for n in range(challenges)
            ]
        }
    )


@pytest.fixture(scope="module")
def in_25_challenges() -> Catalogue:
    return large_catalogue(25)


@pytest.fixture(scope="module")
def read_game(postgres_server: PostgresServer, in_25_challenges: Catalogue) -> Iterator[Game]:
    """Yield a game for tests that only read."""
    with postgres_server.fresh_database() as database_url, game(database_url, in_25_challenges) as running:
        running.report(stat("wins", delta=3))
        yield running


@pytest.fixture
def large_game(database_url: str, in_25_challenges: Catalogue) -> Iterator[Game]:
    with game(database_url, in_25_challenges) as running:
        running.report(stat("wins", delta=3))
        yield running


def pages(running: Game, **request: Any) -> Iterator[ListChallengesResponse]:
    token = ""
    while True:
        response = running.challenges.ListChallenges(
            ListChallengesRequest(user_id="player", page_token=token, **request)
        )
        yield response
        token = response.next_page_token
        if not token:
            return


def initialize(running: Game, **request: Any) -> InitializePlayerResponse:
    return running.challenges.InitializePlayer(InitializePlayerRequest(user_id="player", **request))


@pytest.mark.parametrize("active_only", [False, True])
@pytest.mark.parametrize("page_size", [0, 3, 20, 1_000])
def test_pages_are_bounded_in_bytes_and_together_equal_the_list(
    read_game: Game, in_25_challenges: Catalogue, page_size: int, active_only: bool
) -> None:
    found = list(pages(read_game, page_size=page_size, active_only=active_only))
    listed = [each for page in found for each in page.challenges]
    assert [each.challenge_id for each in listed] == [each.id for each in in_25_challenges.challenges]
    assert all(len(each.goals) == 100 and each.goals[99].description == TEXT for each in listed)
    assert all(each.goals[0].state == challenge_pb2.GOAL_STATE_COMPLETED for each in listed)
    assert all(page.ByteSize() < CLIENT_BYTES_MAX for page in found)
    for page, following in pairwise(found):
        full = page.ByteSize() + following.challenges[0].ByteSize() > RESPONSE_BYTES_MAX
        assert full or len(page.challenges) == page_size, "a page ends only when it is full"


def test_a_challenge_within_the_bound_is_returned_whole(read_game: Game) -> None:
    response = read_game.challenges.GetChallenge(GetChallengeRequest(user_id="player", challenge_id="challenge-7"))
    assert len(response.challenge.goals) == 100


def test_a_light_list_of_a_large_catalogue_is_one_page(read_game: Game, in_25_challenges: Catalogue) -> None:
    [page] = pages(read_game, catalogue_version=in_25_challenges.version)
    assert sum(len(each.goals) for each in page.challenges) == GOALS


def test_initializing_omits_too_many_goals_and_says_so(large_game: Game, in_25_challenges: Catalogue) -> None:
    response = initialize(large_game)
    assert (response.created, response.new_assignments) == (True, GOALS)
    assert (response.goals_omitted, len(response.goals)) == (True, 0)
    assert response.catalogue_version == in_25_challenges.version


def test_initializing_returns_the_goals_once_enough_are_inactive(large_game: Game) -> None:
    # 2 of 5 goals remain: 2 MiB.
    large_game.rows(
        "INSERT INTO assignment (user_id, goal_id, active, frozen_progress)"
        " SELECT 'player', 'goal-' || n || '-' || k, false, 0"
        " FROM generate_series(0, 14) n, generate_series(0, 99) k RETURNING 1"
    )
    response = initialize(large_game)
    assert (response.goals_omitted, len(response.goals)) == (False, 1_000)
    assert response.goals[0].description == TEXT


def test_initializing_returns_light_goals_to_callers_with_the_current_version(
    large_game: Game, in_25_challenges: Catalogue
) -> None:
    response = initialize(large_game, catalogue_version=in_25_challenges.version)
    assert not response.goals_omitted
    assert [goal.goal_id for goal in response.goals] == list(in_25_challenges.goals)
    for goal in response.goals:
        assert {field.number for field, _ in goal.ListFields() if field.number < 16} == {1}
        assert goal.state == challenge_pb2.GOAL_STATE_COMPLETED


def test_initializing_returns_no_goals_on_request(sample_game: Game) -> None:
    response = initialize(sample_game, omit_goals=True)
    assert (response.created, response.new_assignments) == (True, 5)
    assert (response.goals_omitted, len(response.goals)) == (True, 0)
    again = initialize(sample_game)
    assert (again.created, again.goals_omitted, len(again.goals)) == (False, False, 5)


@pytest.mark.parametrize("version", ["", "another"])
def test_with_another_version_initializing_returns_complete_goals(sample_game: Game, version: str) -> None:
    response = initialize(sample_game, catalogue_version=version)
    assert all(goal.name for goal in response.goals)


def test_a_challenge_above_the_bound_has_a_page_of_its_own(in_25_challenges: Catalogue) -> None:
    large = in_25_challenges.challenges[0]
    shown = [(large, Pieces(length, [])) for length in (10, RESPONSE_BYTES_MAX + 1, 10, RESPONSE_BYTES_MAX - 10, 1)]
    lengths = []
    while shown:
        page, _ = page_of(shown, 0)
        lengths.append([each.length for each in page])
        shown = shown[len(page) :]
    assert lengths == [[10], [RESPONSE_BYTES_MAX + 1], [10, RESPONSE_BYTES_MAX - 10], [1]]


def test_the_log_names_responses_that_may_be_too_large(
    in_25_challenges: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    encode(in_25_challenges)
    [warning] = [record.__dict__["problem"] for record in caplog.records]
    assert warning.startswith("the goals that are active by default take up to 5.")


@pytest.mark.slow
def test_claiming_everything_is_bounded_in_bytes_and_ends(database_url: str) -> None:
    with game(database_url, long_ids(CLAIMED)) as running:
        running.report(login())
        claimed: list[str] = []
        for more in (True, True, False):
            response = running.challenges.ClaimAll(ClaimAllRequest(user_id="player"))
            assert CLIENT_BYTES_MAX // 2 < response.ByteSize() < CLIENT_BYTES_MAX
            assert response.results_omitted
            new = [result.goal_id for result in response.results if result.newly_claimed]
            assert bool(new) == more, "what is new comes first"
            claimed += new
        assert len(claimed) == len(set(claimed)) == CLAIMED
        assert running.rows("SELECT count(*) FROM reward_outbox") == [(CLAIMED,)]
        page = running.challenges.ListClaims(ListClaimsRequest(user_id="player", page_size=1_000))
        assert (len(page.claims), bool(page.next_page_token)) == (1_000, True)


def long_ids(goals: int) -> Catalogue:
    """Return a catalogue of goals that a login completes, with the longest ids."""
    ids = [f"{n:04}".ljust(ID_LENGTH_MAX, "\U0001f3c6") for n in range(goals)]
    challenges = [
        challenge(
            ids[start],
            *(
                assigned(
                    goal_id,
                    source="login",
                    stat=None,
                    count="events",
                    target=1,
                    reward={"type": "ITEM", "id": goal_id, "quantity": 1},
                )
                for goal_id in ids[start : start + 500]
            ),
        )
        for start in range(0, goals, 500)
    ]
    return loaded({"challenges": challenges})
