"""The catalogue changes while calls are in flight: none fails, and each belongs to one version."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from shared.catalogue.loader import load, load_with_warnings
from shared.domain.catalogue import Catalogue
from shared.operations.catalogue.catalogue_watch import CatalogueWatch
from shared.rpc.encoded_catalogue import EncodedCatalogue
from tests.catalogue.documents import Mapping, goal, write_json
from tests.support.databases import opened
from tests.support.event_messages import login, stat
from tests.support.services import ManualClock, challenge_service, event_service, rows

LOAD_S = 0.5
CALLERS = 2
"""Number of callers of each kind of call."""
EVENTS = 5
"""Number of events of each stat in a call."""
RELOADS_MIN = 20


def version_of(name: str, challenge_of_winner: str) -> Mapping:
    """Return a version whose texts are all its name, with a goal of its own and a goal in the given challenge."""
    goals: dict[str, list[Mapping]] = {
        "arena": [goal(f"arena {number}", name=name, stat="score", target=1) for number in range(20)],
        "league": [
            goal("often", name=name, source="login", stat=None, count="events", default_assigned=True),
            goal(f"only in {name}", name=name, stat="score", target=2, default_assigned=True),
        ],
    }
    goals[challenge_of_winner].insert(0, goal("winner", name=name, target=1, default_assigned=True))
    return {"challenges": [{"id": each, "name": name, "goals": goals[each]} for each in goals]}


DOCUMENTS = {
    "one": version_of("one", challenge_of_winner="arena"),
    "two": version_of("two", challenge_of_winner="league"),
}
"""The goal `winner` moves between challenges; `only in …` appears and disappears."""
INVALID: Mapping = {"challenges": []}


class Running(NamedTuple):
    """Both services, and the file they watch."""

    challenges: ChallengeServiceStub
    events: EventServiceStub
    reload: Callable[[Mapping], None]
    """Writes the file and makes both services check it."""


@contextmanager
def running(database_url: str, file: Path) -> Iterator[Running]:
    write_json(file, DOCUMENTS["one"])
    lists = CatalogueWatch(file, load_with_warnings, EncodedCatalogue, ManualClock())
    judging: CatalogueWatch[Catalogue] = CatalogueWatch(
        file, load_with_warnings, lambda definitions: definitions, ManualClock()
    )
    with opened(database_url) as database:

        def reload(content: Mapping) -> None:
            write_json(file, content)
            for watch in (lists, judging):
                watch.reload()
                watch.poll(database)

        reload(DOCUMENTS["one"])
        with (
            challenge_service(database_url, lists.live, clock=ManualClock()) as challenges,
            event_service(database_url, judging.live, clock=ManualClock()) as events,
        ):
            yield Running(challenges, events, reload)


def names_of(goals: Iterator[challenge_pb2.Goal]) -> set[str]:
    """Return the versions named by goals."""
    return {goal.name for goal in goals}


def check_list(service: Running, user_id: str, versions: dict[str, str]) -> None:
    response = service.challenges.ListChallenges(rpc.ListChallengesRequest(user_id=user_id))
    name = versions[response.catalogue_version]
    assert {challenge.name for challenge in response.challenges} == {name}
    assert names_of(goal for challenge in response.challenges for goal in challenge.goals) == {name}
    places = {goal.goal_id: challenge.challenge_id for challenge in response.challenges for goal in challenge.goals}
    assert places == {
        goal["id"]: challenge["id"] for challenge in DOCUMENTS[name]["challenges"] for goal in challenge["goals"]
    }


def check_initialize(service: Running, user_id: str, _versions: dict[str, str]) -> None:
    response = service.challenges.InitializePlayer(rpc.InitializePlayerRequest(user_id=user_id))
    (name,) = names_of(iter(response.goals))
    assert {goal.goal_id for goal in response.goals} == {"winner", "often", f"only in {name}"}


def check_activation(service: Running, user_id: str, _versions: dict[str, str]) -> None:
    request = rpc.SetGoalActiveRequest(user_id=user_id, challenge_id="arena", goal_id="arena 3", active=True)
    assert service.challenges.SetGoalActive(request).goal.active


def check_events(service: Running, user_id: str, _versions: dict[str, str]) -> None:
    events = [login(user_id), stat("wins", user_id, delta=1), stat("score", user_id, delta=2)]
    results = service.events.ReportEvents(event_rpc.ReportEventsRequest(events=events)).results
    assert {result.verdict for result in results} == {event_rpc.VERDICT_APPLIED}
    completed = {completion.goal_id: completion.challenge_id for result in results for completion in result.completions}
    (own,) = {goal_id for goal_id in completed if goal_id.startswith("only in")}
    winner_is_in = {"only in one": "arena", "only in two": "league"}[own]
    assert completed == {"winner": winner_is_in, own: "league"}


CHECKS = [check_list, check_initialize, check_activation, check_events]


def test_reloads_under_load_fail_no_call_and_every_response_is_of_one_version(
    database_url: str, tmp_path: Path
) -> None:
    over = threading.Event()
    players = itertools.count()
    versions = {}
    for name, content in DOCUMENTS.items():
        versions[load(write_json(tmp_path / f"{name}.json", content)).version] = name

    def call_until_over(check: Callable[[Running, str, dict[str, str]], None]) -> int:
        calls = 0
        while not over.is_set():
            check(service, f"player {next(players)}", versions)
            calls += 1
        return calls

    with running(database_url, tmp_path / "catalogue.json") as service, ThreadPoolExecutor(20) as callers:
        calling = [callers.submit(call_until_over, check) for check in CHECKS * CALLERS]
        until = time.monotonic() + LOAD_S
        reloads = 0
        try:
            while time.monotonic() < until or reloads < RELOADS_MIN:
                service.reload((DOCUMENTS["two"], INVALID, DOCUMENTS["one"])[reloads % 3])
                reloads += 1
        finally:
            over.set()
        calls = [each.result() for each in calling]
    assert min(calls) > 0
    [(counted, by)] = rows(
        database_url,
        "SELECT sum(events)::bigint, count(DISTINCT user_id) FROM tally WHERE schedule = 'lifetime' AND events > 0",
    )
    assert counted == 3 * by, "accepted events are counted, whichever version followed"
    assert by == sum(number for number, check in zip(calls, CHECKS * CALLERS, strict=True) if check is check_events)


def test_a_goal_that_is_removed_and_restored_keeps_its_progress_completion_and_claim(
    database_url: str, tmp_path: Path
) -> None:
    def goals(service: Running) -> dict[str, challenge_pb2.Goal]:
        response = service.challenges.ListChallenges(rpc.ListChallengesRequest(user_id="player"))
        return {goal.goal_id: goal for challenge in response.challenges for goal in challenge.goals}

    with running(database_url, tmp_path / "catalogue.json") as service:
        events = [stat("score", "player", delta=2), login("player")]
        service.events.ReportEvents(event_rpc.ReportEventsRequest(events=events))
        claim = rpc.ClaimRewardRequest(user_id="player", challenge_id="league", goal_id="only in one")
        service.challenges.ClaimReward(claim)
        before = goals(service)
        assert before["only in one"].state == challenge_pb2.GOAL_STATE_CLAIMED
        assert before["often"].progress == 1

        service.reload(DOCUMENTS["two"])
        between = goals(service)
        assert "only in one" not in between
        assert between["only in two"].state == challenge_pb2.GOAL_STATE_COMPLETED, (
            "its target was reached before it was added"
        )
        service.events.ReportEvents(event_rpc.ReportEventsRequest(events=[login("player")]))

        service.reload(INVALID)
        assert goals(service).keys() == between.keys()

        service.reload(DOCUMENTS["one"])
        after = goals(service)
        assert after["often"].progress == 2
        assert {goal_id: goal for goal_id, goal in after.items() if goal_id != "often"} == {
            goal_id: goal for goal_id, goal in before.items() if goal_id != "often"
        }


def test_events_of_a_call_get_one_verdict_while_their_stat_is_removed(database_url: str, tmp_path: Path) -> None:
    without_wins = {"challenges": [{"id": "arena", "name": "Arena", "goals": [goal("only", stat="losses")]}]}
    over = threading.Event()
    applied = itertools.count()

    def call_until_over(service: Running) -> None:
        while not over.is_set():
            events = [stat("wins", "player", delta=1) for _ in range(EVENTS)]
            results = service.events.ReportEvents(event_rpc.ReportEventsRequest(events=events)).results
            (verdict,) = {result.verdict for result in results}
            assert verdict in (event_rpc.VERDICT_APPLIED, event_rpc.VERDICT_NO_MATCHING_GOAL)
            if verdict == event_rpc.VERDICT_APPLIED:
                next(applied)

    with running(database_url, tmp_path / "catalogue.json") as service, ThreadPoolExecutor(4) as callers:
        calling = [callers.submit(call_until_over, service) for _ in range(4)]
        for _ in range(RELOADS_MIN):
            service.reload(without_wins)
            service.reload(DOCUMENTS["one"])
        over.set()
        for each in calling:
            each.result()
    [(counted,)] = rows(
        database_url, "SELECT sum(events)::bigint FROM tally WHERE schedule = 'lifetime' AND stat_code = 'wins'"
    )
    assert counted == EVENTS * next(applied)
