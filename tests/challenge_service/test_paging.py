"""Lists in pages."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import ListChallengesRequest, ListChallengesResponse

from shared.domain.catalogue import Catalogue
from tests.catalogue.documents import goal, loaded
from tests.support.event_messages import stat
from tests.support.refusals import refusal
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import Game, ManualClock, challenge_channel, game

CHALLENGES = 7


def seven() -> Catalogue:
    """Yield a game with seven challenges, of which every third has no active goal."""
    return loaded(
        {
            "challenges": [
                challenge(f"challenge-{n}", (goal if n % 3 == 0 else assigned)(f"goal-{n}"), goal(f"further-{n}"))
                for n in range(CHALLENGES)
            ]
        }
    )


@pytest.fixture
def seven_game(database_url: str) -> Iterator[Game]:
    with game(database_url, seven()) as running:
        running.report(stat("wins", delta=2))
        yield running


def page(running: Game, **request: Any) -> ListChallengesResponse:
    return running.challenges.ListChallenges(ListChallengesRequest(**{"user_id": "player", **request}))


def pages(running: Game, page_size: int, **request: Any) -> Iterator[list[challenge_pb2.Challenge]]:
    token = ""
    while True:
        response = page(running, page_size=page_size, page_token=token, **request)
        yield list(response.challenges)
        token = response.next_page_token
        if not token:
            return


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"active_only": True},
        {"challenge_ids": ["challenge-5", "challenge-1", "challenge-3", "nowhere"]},
        {"challenge_ids": ["challenge-5", "challenge-1", "challenge-3"], "active_only": True},
        {"challenge_ids": ["nowhere"]},
    ],
)
def test_all_pages_together_equal_the_list(seven_game: Game, asked: dict[str, Any]) -> None:
    whole = list(page(seven_game, **asked).challenges)
    for page_size in (*range(1, len(whole) + 2), 1_000):
        found = list(pages(seven_game, page_size, **asked))
        assert [each for one_page in found for each in one_page] == whole
        assert [len(one_page) for one_page in found[:-1]] == [page_size] * (len(found) - 1)
        assert found[-1] or len(found) == 1, "there is no empty page at the end"


def test_the_page_size_may_change_from_page_to_page(seven_game: Game) -> None:
    first = page(seven_game, page_size=2)
    second = page(seven_game, page_size=4, page_token=first.next_page_token)
    rest = page(seven_game, page_token=second.next_page_token)
    assert [len(each.challenges) for each in (first, second, rest)] == [2, 4, 1]
    assert not rest.next_page_token


def test_a_page_shows_the_current_state(seven_game: Game) -> None:
    token = page(seven_game, page_size=1).next_page_token
    before = page(seven_game, page_size=1, page_token=token).challenges[0].goals[0]
    seven_game.report(stat("wins", delta=1))
    after = page(seven_game, page_size=1, page_token=token).challenges[0].goals[0]
    assert (before.progress, after.progress) == (2, 3)


@pytest.mark.parametrize(
    "asked",
    [
        {"user_id": "somebody else"},
        {"active_only": True},
        {"challenge_ids": ["challenge-1"]},
        {"challenge_ids": [f"challenge-{n}" for n in range(CHALLENGES)]},
    ],
)
def test_a_token_is_valid_only_for_its_own_request(seven_game: Game, asked: dict[str, Any]) -> None:
    token = page(seven_game, page_size=2).next_page_token
    _assert_token_refused(seven_game, token, **asked)


def test_challenge_ids_may_come_in_another_order(seven_game: Game) -> None:
    token = page(seven_game, page_size=1, challenge_ids=["challenge-1", "challenge-5"]).next_page_token
    response = page(seven_game, page_token=token, challenge_ids=["challenge-5", "challenge-1", "challenge-5"])
    assert [each.challenge_id for each in response.challenges] == ["challenge-5"]


def test_a_token_of_another_catalogue_version_is_refused(seven_game: Game) -> None:
    token = page(seven_game, page_size=2).next_page_token
    newer = replace(seven(), version="newer")
    with challenge_channel(seven_game.database_url, newer, clock=ManualClock()) as after_the_change:
        _assert_token_refused(replace(seven_game, channel=after_the_change), token)


def test_garbled_tokens_are_refused(seven_game: Game) -> None:
    token = page(seven_game, page_size=2).next_page_token
    flipped = bytes([base64.urlsafe_b64decode(token)[0] ^ 1]) + base64.urlsafe_b64decode(token)[1:]
    garbled = [
        base64.urlsafe_b64encode(flipped).decode(),
        token[:-1],
        token[1:],
        token + token,
        token + "=",
        token + "\n",
        " " + token,
        "2",
        "=",
        "null",
        "\0",
        "🎮" * 10,
        "' OR 1=1 --",
        "A" * 1_000_000,
    ]
    for each in garbled:
        _assert_token_refused(seven_game, each)


@pytest.mark.parametrize("page_size", [-1, -(2**31), 1_001, 2**31 - 1])
def test_page_sizes_out_of_bounds_are_refused(seven_game: Game, page_size: int) -> None:
    refused = refusal(lambda: page(seven_game, page_size=page_size))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.fields == {"page_size": "is not between 0 and 1,000"}


def _assert_token_refused(running: Game, token: str, **asked: Any) -> None:
    refused = refusal(lambda: page(running, page_token=token, **asked))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.reason == "INVALID_REQUEST"
    assert set(refused.fields) == {"page_token"}
