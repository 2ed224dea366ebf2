"""Verdicts of events."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1 import event_service_pb2 as rpc

from shared.domain.acceptance import AcceptanceWindow
from shared.domain.instant import DAY, HOUR, MICROSECOND, SECOND
from tests.support.database_contents import contents, written
from tests.support.event_messages import login, stat
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import NOW, Game, game

pytestmark = pytest.mark.usefixtures("patient_pool")

APPLIED = rpc.VERDICT_APPLIED
DUPLICATE = rpc.VERDICT_DUPLICATE


def verdicts(results: list[rpc.EventResult]) -> list[rpc.Verdict.ValueType]:
    return [result.verdict for result in results]


def test_every_event_has_its_result_in_the_order_of_the_events(sample_game: Game) -> None:
    events = [
        stat("wins", delta=1),
        login(event_id="\n"),
        stat("unused stat", delta=1),
        login(at=NOW - 73 * HOUR),
        login("other"),
        login("other", at=NOW + HOUR),
    ]
    events.append(events[0])
    results = sample_game.report(*events)
    assert [result.event_id for result in results] == [event.event_id for event in events]
    assert verdicts(results) == [
        APPLIED,
        rpc.VERDICT_INVALID,
        rpc.VERDICT_NO_MATCHING_GOAL,
        rpc.VERDICT_TOO_OLD,
        APPLIED,
        rpc.VERDICT_INVALID,
        DUPLICATE,
    ]
    assert [bool(result.reason) for result in results] == [False, True, False, True, False, True, False]


def test_a_redelivered_event_counts_once(sample_game: Game) -> None:
    event = stat("wins", delta=2)
    assert verdicts(sample_game.report(event, event)) == [APPLIED, DUPLICATE]
    before = contents(sample_game.database_url)
    assert verdicts(sample_game.report(event)) == [DUPLICATE]
    assert sample_game.events.ReportEvent(rpc.ReportEventRequest(event=event)).result.verdict == DUPLICATE
    assert sample_game.goal("warm-up").progress == 2
    assert contents(sample_game.database_url) == before


def test_an_event_id_is_a_duplicate_at_another_time_of_its_day(sample_game: Game) -> None:
    first = stat("level", value=3, event_id="same")
    later = stat("level", value=4, event_id="same", at=NOW + SECOND)
    assert verdicts(sample_game.report(first)) == [APPLIED]
    assert verdicts(sample_game.report(later)) == [DUPLICATE]
    assert sample_game.goal("veteran").progress == 3


def test_an_event_id_may_be_reused_on_another_day_and_for_another_player(sample_game: Game) -> None:
    results = sample_game.report(
        login(event_id="same"), login(event_id="same", at=NOW - DAY), login("other", event_id="same")
    )
    assert verdicts(results) == [APPLIED] * 3
    assert sample_game.goal("regular").progress == 2


def test_events_in_concurrent_calls_count_once_each(sample_game: Game) -> None:
    events = [login(event_id=str(number)) for number in range(10)]
    with ThreadPoolExecutor(8) as callers:
        replies = list(callers.map(lambda _: verdicts(sample_game.report(*events)), range(8)))
    assert all(set(reply) <= {APPLIED, DUPLICATE} for reply in replies)
    assert sum(reply.count(APPLIED) for reply in replies) == len(events)
    assert sample_game.rows("SELECT events FROM tally") == [(len(events),)]


def test_an_unused_stat_is_not_recorded(sample_game: Game) -> None:
    [result] = sample_game.report(stat("WINS", delta=1))
    assert (result.verdict, result.reason) == (rpc.VERDICT_NO_MATCHING_GOAL, "")
    assert written(contents(sample_game.database_url)) == {}


def test_a_declared_stat_is_recorded_without_a_goal(sample_game: Game) -> None:
    assert verdicts(sample_game.report(stat("losses", delta=4))) == [APPLIED]
    assert sample_game.rows("SELECT stat_code, sum FROM tally") == [("losses", 4)]


def test_a_login_does_not_affect_a_stat_of_that_name(sample_game: Game) -> None:
    assert verdicts(sample_game.report(stat("login", delta=1), stat("", delta=1), login())) == [
        rpc.VERDICT_NO_MATCHING_GOAL,
        rpc.VERDICT_INVALID,
        APPLIED,
    ]
    assert sample_game.rows("SELECT source, stat_code, events FROM tally") == [("login", "", 1)]


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        (NOW - 72 * HOUR - MICROSECOND, rpc.VERDICT_TOO_OLD),
        (NOW - 72 * HOUR, APPLIED),
        (NOW + 300 * SECOND, APPLIED),
        (NOW + 300 * SECOND + MICROSECOND, rpc.VERDICT_INVALID),
    ],
)
def test_the_accepted_window_is_exact(sample_game: Game, at: int, verdict: rpc.Verdict.ValueType) -> None:
    assert verdicts(sample_game.report(login(at=at))) == [verdict]
    assert sample_game.goal("welcome").progress == (1 if verdict == APPLIED else 0)


def test_the_window_is_a_setting(database_url: str) -> None:
    with game(database_url, sample_catalogue(), window=AcceptanceWindow(horizon=HOUR, skew=0)) as running:
        results = running.report(login(at=NOW - HOUR - 1), login(at=NOW - HOUR), login(at=NOW), login(at=NOW + 1))
    assert verdicts(results) == [rpc.VERDICT_TOO_OLD, APPLIED, APPLIED, rpc.VERDICT_INVALID]


def test_an_event_result_lists_its_completions(sample_game: Game) -> None:
    results = sample_game.report(stat("wins", delta=2), stat("wins", delta=1), stat("wins", delta=1), login())
    completed = rpc.Completion(challenge_id="arena", goal_id="warm-up", occurrence=1)
    welcome = rpc.Completion(challenge_id="career", goal_id="welcome", occurrence=1)
    assert [list(result.completions) for result in results] == [[], [completed], [], [welcome]]


def test_a_completion_is_reported_once_however_often_its_event_is_sent(sample_game: Game) -> None:
    event = stat("wins", delta=3)
    with ThreadPoolExecutor(8) as callers:
        replies = list(callers.map(lambda _: sample_game.report(event), range(8)))
    assert sum(len(result.completions) for reply in replies for result in reply) == 1
    assert not sample_game.report(event)[0].completions
    assert sample_game.goal("warm-up").state == challenge_pb2.GOAL_STATE_COMPLETED


def test_events_of_many_players_in_one_call_complete_goals_for_each(sample_game: Game) -> None:
    players = [f"player-{number}" for number in range(500)]
    results = sample_game.report(*[stat("wins", who, delta=1 + n) for who in players for n in (0, 1)])
    assert [len(result.completions) for result in results] == [0, 1] * len(players)


@pytest.mark.parametrize("count", [1, 1_000])
def test_a_call_accepts_up_to_a_thousand_events(sample_game: Game, count: int) -> None:
    results = sample_game.report(*[stat("wins", delta=1) for _ in range(count)])
    assert verdicts(results) == [APPLIED] * count
    assert sample_game.rows("SELECT sum FROM tally") == [(count,)]


def test_the_largest_call_fits(sample_game: Game) -> None:
    wide = "\U0001f3ae"
    events = [stat("wins", wide * 128, delta=1, event_id=f"{number:04}{wide * 60}") for number in range(1_000)]
    assert verdicts(sample_game.report(*events)) == [APPLIED] * 1_000
