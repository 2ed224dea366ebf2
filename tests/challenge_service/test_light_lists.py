"""Lists for callers who already have the definitions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import ListChallengesRequest, ListChallengesResponse
from google.protobuf.message import Message

from shared.catalogue.loader import load
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.rpc.encoded_catalogue import EncodedCatalogue
from tests.catalogue.documents import loaded
from tests.support.event_messages import login, stat
from tests.support.refusals import refusal
from tests.support.sample_catalogue import DOCUMENT, sample_catalogue
from tests.support.services import NOW, Game, ManualClock, challenge_service, game

PLAYERS_FIELDS = range(16, 40)
"""The contract's numbers of fields of a goal that differ from player to player."""
LOAD = Path(__file__).parents[2] / "catalogues" / "load.yaml"


def listed(running: Game, **request: Any) -> ListChallengesResponse:
    return running.challenges.ListChallenges(ListChallengesRequest(user_id="player", **request))


def completed(light: ListChallengesResponse, kept: ListChallengesResponse) -> ListChallengesResponse:
    """Return the light response merged with the kept definitions, as a caller would merge them."""
    definitions = {challenge.challenge_id: challenge for challenge in kept.challenges}
    whole = ListChallengesResponse()
    whole.CopyFrom(light)
    for challenge in whole.challenges:
        kept_challenge = definitions[challenge.challenge_id]
        goals = {goal.goal_id: goal for goal in kept_challenge.goals}
        challenge.name, challenge.description = kept_challenge.name, kept_challenge.description
        for goal in challenge.goals:
            goal.MergeFrom(definition(goals[goal.goal_id]))
    return whole


def definition(goal: challenge_pb2.Goal) -> challenge_pb2.Goal:
    """Return the fields that are the same for all players."""
    shared = challenge_pb2.Goal()
    shared.CopyFrom(goal)
    clear: Callable[[str], None] = cast("Message", shared).ClearField
    for field in goal.DESCRIPTOR.fields:
        if field.number in PLAYERS_FIELDS:
            clear(field.name)
    return shared


@pytest.mark.parametrize("asked", [{}, {"active_only": True}, {"challenge_ids": ["career", "island"]}])
def test_a_light_list_with_the_kept_definitions_equals_the_full_list(sample_game: Game, asked: dict[str, Any]) -> None:
    kept = listed(sample_game)
    sample_game.report(stat("wins", delta=3), stat("level", value=5), login())
    sample_game.set_active("chests", True)
    sample_game.claim("warm-up")
    light = listed(sample_game, **asked, catalogue_version=kept.catalogue_version)
    assert completed(light, kept) == listed(sample_game, **asked)
    for challenge in light.challenges:
        assert {field.name for field, _ in challenge.ListFields()} <= {"challenge_id", "goals"}
        for goal in challenge.goals:
            assert {field.number for field, _ in goal.ListFields() if field.number < 16} == {1}


@pytest.mark.parametrize("version", ["", "another", "0" * 32, sample_catalogue().version.upper()])
def test_with_another_version_the_list_is_complete(sample_game: Game, version: str) -> None:
    assert listed(sample_game, catalogue_version=version) == listed(sample_game)


def test_after_a_catalogue_change_the_list_is_complete_again(database_url: str) -> None:
    catalogue = LiveCatalogue(EncodedCatalogue)
    catalogue.take(sample_catalogue(), NOW)
    with challenge_service(database_url, catalogue, clock=ManualClock()) as stub:
        request = ListChallengesRequest(user_id="player", catalogue_version=sample_catalogue().version)
        assert not stub.ListChallenges(request).challenges[0].name
        newer = loaded({**DOCUMENT, "stats": ["losses", "draws"]})
        catalogue.take(newer, NOW)
        reply = stub.ListChallenges(request)
        assert reply.challenges[0].name
        assert reply.catalogue_version == newer.version


def test_pages_of_a_light_list_are_light(sample_game: Game) -> None:
    version = sample_catalogue().version
    light: dict[str, Any] = {"catalogue_version": version, "page_size": 1}
    whole = listed(sample_game, catalogue_version=version).challenges
    first = listed(sample_game, **light)
    second = listed(sample_game, **light, page_token=first.next_page_token)
    assert [*first.challenges, *second.challenges] == whole[:2]


def test_tokens_of_light_and_full_lists_are_not_interchangeable(sample_game: Game) -> None:
    version = sample_catalogue().version
    for given_out, used in (("", version), (version, ""), (version, "another")):
        token = listed(sample_game, page_size=1, catalogue_version=given_out).next_page_token
        refused = refusal(
            lambda token=token, used=used: listed(  # type: ignore[misc]
                sample_game, page_token=token, catalogue_version=used
            )
        )
        assert set(refused.fields) == {"page_token"}


def test_a_light_list_of_500_goals_is_a_fraction_of_the_full_one(database_url: str) -> None:
    with game(database_url, load(LOAD)) as running:
        full = listed(running)
        light = listed(running, catalogue_version=full.catalogue_version)
    assert sum(len(challenge.goals) for challenge in light.challenges) == 500
    assert light.ByteSize() < 0.4 * full.ByteSize()
