"""Lists that are kept: what a caller is given is never older than the call."""

from __future__ import annotations

import random
import threading
from itertools import count, islice

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import GetChallengeRequest, ListChallengesRequest

from challenge_service.kept_lists import LOOKS_MAX, KeptLists
from shared.domain.catalogue import Catalogue
from shared.domain.instant import HOUR
from tests.support.event_messages import login, stat
from tests.support.pool_catalogue import MEMBERS, pool_catalogue
from tests.support.refusals import refusal_of
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import Game, game

PLAYERS = ["ada", "bob", "cleo"]
STEPS = 25
LOOKS = 3
"""The first two make the list, and the third finds it."""

BASIS = (object(), object())


def found(lists: KeptLists, request: object, *values: bytes | None) -> bytes | None:
    lookup = lists.lookup(BASIS, request)
    return lookup.response if lookup.is_known(values) else None


def make(lists: KeptLists, response: bytes, request: object, *values: bytes | None) -> None:
    lookup = lists.lookup(BASIS, request)
    assert not lookup.is_known(values)
    lookup.keep(response)


def test_a_list_is_kept_when_it_is_made_again() -> None:
    lists = KeptLists(100_000)
    make(lists, b"list", "request", b"1", None)
    make(lists, b"list", "request", b"1", None)
    assert found(lists, "request", b"1", None) == b"list"
    assert found(lists, "request", b"2", None) is None
    assert found(lists, "request", None, b"1") is None
    assert found(lists, "another", b"1", None) is None


def test_an_empty_list_is_kept_too() -> None:
    lists = KeptLists(100_000)
    for _ in range(2):
        make(lists, b"", "request", b"1")
    assert found(lists, "request", b"1") == b""


def test_nothing_is_kept_without_a_request_or_without_memory() -> None:
    for lists, request in ((KeptLists(100_000), None), (KeptLists(0), "request")):
        for _ in range(LOOKS):
            make(lists, b"list", request, b"1")
        assert lists.total_bytes == 0


def test_another_basis_forgets_everything() -> None:
    lists = KeptLists(100_000)
    for _ in range(2):
        make(lists, b"list", "request", b"1")
    late = lists.lookup(BASIS, "request")
    assert late.is_known((b"1",))
    assert not lists.lookup((BASIS[0], object()), "request").is_known((b"1",))
    assert lists.total_bytes == 0
    # Made from the old basis, and ended after the change.
    late.keep(b"list")
    assert lists.total_bytes == 0
    assert found(lists, "request", b"1") is None


FITTING = 9
"""Number of lists of 10,000 bytes for which 100,000 have room."""


def test_a_list_takes_the_place_of_one_that_was_asked_for_less_often() -> None:
    lists = KeptLists(100_000)
    for number in range(FITTING + 1):
        for _ in range(2):
            make(lists, bytes(10_000), number, b"1")
        assert lists.total_bytes <= 100_000
    assert found(lists, 0, b"1") is not None
    make(lists, bytes(10_000), FITTING, b"1")
    assert [number for number in range(FITTING + 1) if found(lists, number, b"1") is None] == [1]
    assert lists.total_bytes <= 100_000


def test_more_lists_than_there_is_room_for_leave_the_same_ones_in_place() -> None:
    lists = KeptLists(100_000)
    kept: set[int] = set()
    for round_ in range(10):
        here = {number for number in range(50) if found(lists, number, b"1") is not None}
        assert round_ <= 2 or (here == kept and len(here) == FITTING)
        kept = here
        for number in set(range(50)) - kept:
            make(lists, bytes(10_000), number, b"1")


def test_lists_that_are_not_asked_for_any_more_give_way() -> None:
    lists = KeptLists(100_000)
    for number in range(FITTING):
        for _ in range(2):
            make(lists, bytes(10_000), number, b"1")
        for _ in range(20):
            assert found(lists, number, b"1") is not None
    others = count(FITTING)
    for number in islice(others, 6 * LOOKS_MAX):
        make(lists, b"", number, b"1")
    for number in islice(others, FITTING):
        for _ in range(2):
            make(lists, bytes(10_000), number, b"1")
        assert found(lists, number, b"1") is not None
    assert lists.total_bytes <= 100_000


def act(running: Game, chance: random.Random, stats: list[str]) -> None:
    """Change something of a player, or the time."""
    player = chance.choice(PLAYERS)
    now = running.clock.now
    goal_id = chance.choice(list(running.goals(player)))
    step = chance.choice(["stat", "stat", "stat", "login", "claim", "switch", "time"])
    try:
        if step == "stat":
            delta, value = chance.randint(0, 2), chance.randint(0, 9)
            running.report(stat(chance.choice(stats), player, at=now, delta=delta, value=value))
        elif step == "login":
            running.report(login(player, at=now))
        elif step == "claim":
            running.claim(goal_id, player)
        elif step == "switch":
            running.set_active(goal_id, chance.random() < 0.5, player)
        else:
            running.clock.now += chance.randint(1, 9) * HOUR
    except grpc.RpcError as error:
        # Refused changes are fine, because only the list afterwards matters.
        refusal_of(error)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("catalogue", "stats"), [(sample_catalogue(), ["wins", "score", "level", "chests"]), (pool_catalogue(), MEMBERS)]
)
def test_lists_are_what_single_challenges_are(
    database_url: str, catalogue: Catalogue, stats: list[str], seed: int
) -> None:
    """Nothing keeps single challenges."""
    chance = random.Random(seed)
    with game(database_url, catalogue) as running:
        for _ in range(STEPS):
            act(running, chance, stats)
            for player in PLAYERS:
                for _ in range(LOOKS):
                    listed = running.challenges.ListChallenges(ListChallengesRequest(user_id=player)).challenges
                    for challenge in listed:
                        request = GetChallengeRequest(user_id=player, challenge_id=challenge.challenge_id)
                        assert challenge == running.challenges.GetChallenge(request).challenge


def test_a_list_has_everything_that_was_acknowledged_before(sample_game: Game) -> None:
    acknowledged, stopped = 0, threading.Event()

    def win() -> None:
        nonlocal acknowledged
        for wins in count(1):
            if stopped.is_set():
                return
            sample_game.report(stat("wins", delta=1))
            acknowledged = wins

    sample_game.set_active("champion", active=True)
    writer = threading.Thread(target=win)
    writer.start()
    try:
        shown = 0
        while shown < 10:
            for _ in range(LOOKS):
                before = acknowledged
                seen = sample_game.goal("champion").progress
                assert seen >= max(shown, min(before, 10))
                shown = seen
    finally:
        stopped.set()
        writer.join()
    for _ in range(LOOKS):
        assert sample_game.goal("champion").progress == 10
