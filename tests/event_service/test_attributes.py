"""Events with attributes over a real connection, and the goals and leaderboards that count them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from challenge.v1 import challenge_pb2, leaderboard_service_pb2
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.statistics_service_pb2 import GetPlayerStatsRequest

from shared.domain.goal import DerivedStat, Source, Stat
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.schedules import LIFETIME
from tests.support.event_messages import login, stat
from tests.support.goals import catalogue_of, goal
from tests.support.services import Game, game

BOW = DerivedStat("bow kills", Stat(Source.STAT, "kills"), (("mode", ("ranked",)), ("weapon", ("bow", "crossbow"))))


@pytest.fixture
def archery(database_url: str) -> Iterator[Game]:
    """Run a game with one goal over kills with a bow, and one over all kills."""
    with_bow = replace(goal("with a bow", stat=BOW.stat, target=3), derived=BOW)
    catalogue = replace(
        catalogue_of(with_bow, goal("any kill", target=100)),
        derived_stats=(BOW,),
        leaderboards=(Leaderboard("archers", "Archers", "", LeaderboardMeasure.SUM, BOW.stat, LIFETIME),),
    )
    with game(database_url, catalogue) as running:
        yield running


def test_only_events_with_the_attributes_count_for_the_derived_stat(archery: Game) -> None:
    results = archery.report(
        stat("kills", delta=2, attributes={"weapon": "bow", "mode": "ranked", "map": "dust"}),
        stat("kills", delta=4, attributes={"weapon": "bow"}),
        stat("kills", delta=8, attributes={"weapon": "sword", "mode": "ranked"}),
        stat("kills", delta=16),
        stat("kills", delta=1, attributes={"weapon": "crossbow", "mode": "ranked"}),
    )
    assert {result.verdict for result in results} == {rpc.VERDICT_APPLIED}
    assert [[each.goal_id for each in result.completions] for result in results] == [[], [], [], [], ["with a bow"]]
    assert archery.goal("any kill").progress == 31
    assert archery.goal("with a bow").state == challenge_pb2.GOAL_STATE_COMPLETED


def test_the_requirement_says_what_counts(archery: Game) -> None:
    requirement = archery.goal("with a bow").requirement
    assert requirement.source == challenge_pb2.SOURCE_DERIVED
    assert (requirement.stat_code, requirement.base_stat_code) == ("bow kills", "kills")
    assert [(each.key, list(each.values)) for each in requirement.conditions] == [
        ("mode", ["ranked"]),
        ("weapon", ["bow", "crossbow"]),
    ]


def test_a_repeated_event_with_other_attributes_counts_once_as_the_first_one(archery: Game) -> None:
    archery.report(stat("kills", delta=2, event_id="shot", attributes={"weapon": "bow", "mode": "ranked"}))
    [result] = archery.report(stat("kills", delta=2, event_id="shot", attributes={"weapon": "sword"}))
    assert result.verdict == rpc.VERDICT_DUPLICATE
    assert (archery.goal("any kill").progress, archery.goal("with a bow").progress) == (2, 2)


def test_no_event_names_a_derived_stat(archery: Game) -> None:
    [result] = archery.report(
        stat("bow kills", delta=2),
    )
    assert result.verdict == rpc.VERDICT_NO_MATCHING_GOAL
    [result] = archery.report(stat(BOW.stat.code, delta=2))
    assert result.verdict == rpc.VERDICT_NO_MATCHING_GOAL
    assert archery.goal("with a bow").progress == 0


def test_leaderboards_and_statistics_have_derived_stats(archery: Game) -> None:
    bow = stat("kills", delta=2, attributes={"weapon": "bow", "mode": "ranked"})
    archery.report(bow, stat("kills", delta=5), login())
    boards = archery.leaderboards.ListLeaderboards(leaderboard_service_pb2.ListLeaderboardsRequest()).leaderboards
    assert [board.stat_code for board in boards] == ["bow kills"]
    tallies = archery.statistics.GetPlayerStats(GetPlayerStatsRequest(user_id="player")).stats.tallies
    assert [(each.source, each.stat_code, each.sum) for each in tallies] == [
        (challenge_pb2.SOURCE_LOGIN, "", 0),
        (challenge_pb2.SOURCE_DERIVED, "bow kills", 2),
        (challenge_pb2.SOURCE_STAT, "kills", 7),
    ]
