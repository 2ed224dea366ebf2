"""Leaderboards through the API, without Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from challenge.v1 import leaderboard_service_pb2 as rpc

from challenge_service.paging import period_token
from shared.domain.acceptance import AcceptanceWindow
from shared.domain.instant import DAY, HOUR, SECOND, Instant
from shared.operations.leaderboards.leaderboard_periods import maintain_leaderboard_periods
from shared.operations.leaderboards.period_finish import FINAL_MARGIN, finish_leaderboard_periods
from tests.support.databases import opened, soon
from tests.support.event_messages import stat, timestamp
from tests.support.leaderboards import ranked_now
from tests.support.refusals import refusal
from tests.support.sample_catalogue import sample_catalogue_with_leaderboards
from tests.support.services import NOW, Game, game

TODAY = NOW // DAY * DAY
HORIZON = 72 * HOUR
WINS = {"ana": 3, "ben": 9, "cleo": 9, "dora": 1, "emil": 5}
RANKED = [("ben", 1, 1, 9), ("cleo", 1, 2, 9), ("emil", 3, 3, 5), ("ana", 4, 4, 3), ("dora", 5, 5, 1)]


@pytest.fixture
def running(database_url: str) -> Iterator[Game]:
    """Yield a game in which five players have a ranked score of today."""
    with game(database_url, sample_catalogue_with_leaderboards(), window=AcceptanceWindow(horizon=HORIZON)) as running:
        running.report(
            *(
                stat("wins", user_id, delta=delta, at=TODAY + number * SECOND)
                for number, (user_id, delta) in enumerate(WINS.items())
            )
        )
        ranked_now(database_url, sample_catalogue_with_leaderboards())
        yield running


def listed(running: Game, **request: Any) -> rpc.ListLeaderboardResponse:
    return running.leaderboards.ListLeaderboard(rpc.ListLeaderboardRequest(leaderboard_id="wins", **request))


def rank(running: Game, user_id: str, **request: Any) -> rpc.GetPlayerRankResponse:
    return running.leaderboards.GetPlayerRank(
        rpc.GetPlayerRankRequest(leaderboard_id="wins", user_id=user_id, **request)
    )


def players(entries: Any) -> list[tuple[str, int, int, int]]:
    return [(entry.user_id, entry.rank, entry.place, entry.score) for entry in entries]


def finish(running: Game, now: Instant) -> None:
    """Run the event handler's duty at this instant, and set the clock to it."""
    with opened(running.database_url, pool_size=1) as database:
        maintain_leaderboard_periods(database, sample_catalogue_with_leaderboards(), HORIZON, now, soon())
        finish_leaderboard_periods(database, HORIZON, now)
    running.clock.now = now


def test_leaderboards_are_listed_as_defined_in_the_catalogue(running: Game) -> None:
    response = running.leaderboards.ListLeaderboards(rpc.ListLeaderboardsRequest())
    assert response.catalogue_version == sample_catalogue_with_leaderboards().version
    assert list(response.leaderboards) == [
        rpc.Leaderboard(
            leaderboard_id="wins",
            name="Wins",
            description="Today",
            measure=rpc.LEADERBOARD_MEASURE_SUM,
            schedule=rpc.LEADERBOARD_SCHEDULE_DAY,
            shared_ranks=True,
            stat_code="wins",
        ),
        rpc.Leaderboard(
            leaderboard_id="points",
            name="Points",
            measure=rpc.LEADERBOARD_MEASURE_POINTS,
            schedule=rpc.LEADERBOARD_SCHEDULE_ALL_TIME,
            shared_ranks=True,
        ),
    ]


def test_the_first_players_come_first(running: Game) -> None:
    response = listed(running)
    assert players(response.entries) == RANKED
    assert response.entries[0].reached_time == timestamp(TODAY + SECOND)
    assert response.state == rpc.LeaderboardState(
        size=5, fresh_at=timestamp(NOW), period_start=timestamp(TODAY), period_end=timestamp(TODAY + DAY)
    )
    assert not response.next_page_token


@pytest.mark.parametrize("page_size", [1, 2, 5, 6])
def test_pages_tile_the_leaderboard(running: Game, page_size: int) -> None:
    found, token = [], ""
    while True:
        page = listed(running, page_size=page_size, page_token=token)
        found += players(page.entries)
        assert len(page.entries) == page_size or not page.next_page_token
        token = page.next_page_token
        if not token:
            break
    assert found == RANKED


def test_a_page_token_is_valid_only_for_its_request(running: Game) -> None:
    token = listed(running, page_size=2).next_page_token
    other = rpc.ListLeaderboardRequest(leaderboard_id="points", page_token=token)
    assert set(refusal(lambda: running.leaderboards.ListLeaderboard(other)).fields) == {"page_token"}
    assert set(refusal(lambda: listed(running, period_time=timestamp(NOW), page_token=token)).fields) == {"page_token"}


def test_pages_stay_in_the_period_of_the_first_one(running: Game) -> None:
    first = listed(running, page_size=2)
    finish(running, TODAY + DAY)
    second = listed(running, page_size=2, page_token=first.next_page_token)
    assert players(second.entries) == RANKED[2:4]
    assert second.state.period_start == first.state.period_start == timestamp(TODAY)
    assert players(listed(running, page_size=2, page_token=second.next_page_token).entries) == RANKED[4:]
    assert not listed(running).entries


def test_a_forged_page_token_is_refused_or_names_a_period_that_is_not_found(running: Game) -> None:
    for period_start in (-(2**63), -1, NOW + 900 * DAY, 2**63 - 1):
        forged = period_token(2, period_start, "wins", "")
        assert refusal(lambda forged=forged: listed(running, page_token=forged)).reason == (  # type: ignore[misc]
            "LEADERBOARD_PERIOD_NOT_FOUND"
        )


def test_given_players_are_listed_in_one_page(running: Game) -> None:
    response = listed(running, user_ids=["dora", "nobody", "ben", "dora"])
    assert players(response.entries) == [RANKED[0], RANKED[4]]
    assert (response.state.size, response.next_page_token) == (5, "")
    refused = refusal(lambda: listed(running, user_ids=["ben"], page_size=1, page_token="AAAAAAAAAAAAAAAA"))
    assert set(refused.fields) == {"page_size", "page_token"}


def test_a_player_is_returned_with_neighbours(running: Game) -> None:
    response = rank(running, "emil", neighbours=1)
    assert response.on_board
    assert players([response.entry]) == [RANKED[2]]
    assert players(response.neighbours) == RANKED[1:4]
    assert players(rank(running, "ben", neighbours=1).neighbours) == RANKED[:2]
    assert players(rank(running, "dora", neighbours=50).neighbours) == RANKED
    assert not rank(running, "dora").neighbours


@pytest.mark.parametrize(
    ("user_id", "percentile", "least_top"), [("ben", 100, 1), ("cleo", 100, 1), ("emil", 60, 41), ("dora", 20, 81)]
)
def test_percentile_and_top_percent_are_computed(
    running: Game, user_id: str, percentile: float, least_top: int
) -> None:
    assert rank(running, user_id).percentile == percentile
    assert not rank(running, user_id).in_top_percent
    tops = [percent for percent in range(1, 101) if rank(running, user_id, top_percent=percent).in_top_percent]
    assert tops == list(range(least_top, 101))


def test_a_player_without_a_score_is_not_an_error(running: Game) -> None:
    response = rank(running, "nobody", neighbours=5, top_percent=100)
    assert response == rpc.GetPlayerRankResponse(state=response.state)
    assert response.state.size == 5


def test_responses_are_as_of_the_last_refresh(running: Game) -> None:
    running.report(stat("wins", "late", delta=100, at=NOW))
    running.clock.now = NOW + HOUR
    assert players(listed(running).entries) == RANKED
    assert listed(running).state.fresh_at == timestamp(NOW)
    ranked_now(running.database_url, sample_catalogue_with_leaderboards(), NOW + HOUR)
    assert players(listed(running).entries)[0] == ("late", 1, 1, 100)
    assert listed(running).state.fresh_at == timestamp(NOW + HOUR)


def test_a_past_period_may_change_until_it_is_final(running: Game) -> None:
    yesterday = {"period_time": timestamp(NOW)}
    finish(running, TODAY + DAY)
    assert players(listed(running, **yesterday).entries) == RANKED
    assert not listed(running, **yesterday).state.final
    assert not listed(running).entries
    running.report(stat("wins", "late", delta=4, at=NOW))
    over = TODAY + DAY + HORIZON + FINAL_MARGIN
    finish(running, over)
    with_late = [*RANKED[:3], ("late", 4, 4, 4), ("ana", 5, 5, 3), ("dora", 6, 6, 1)]
    reply = listed(running, **yesterday)
    assert players(reply.entries) == with_late
    assert reply.state == rpc.LeaderboardState(
        size=6,
        final=True,
        fresh_at=timestamp(over),
        period_start=timestamp(TODAY),
        period_end=timestamp(TODAY + DAY),
    )
    running.report(stat("wins", "much too late", delta=1_000, at=NOW))
    ranked_now(running.database_url, sample_catalogue_with_leaderboards(), over + DAY)
    running.clock.now = over + 99 * DAY
    assert listed(running, **yesterday) == reply
    assert players(rank(running, "late", neighbours=1, **yesterday).neighbours) == with_late[2:5]


def test_the_next_period_exists_before_it_begins_and_is_empty(running: Game) -> None:
    tomorrow = listed(running, period_time=timestamp(NOW + DAY))
    assert (tomorrow.state.size, tomorrow.state.period_start) == (0, timestamp(TODAY + DAY))


@pytest.mark.parametrize("instant", [NOW - DAY, NOW + 2 * DAY, NOW + 900 * DAY])
def test_a_period_without_the_leaderboard_is_not_found(running: Game, instant: Instant) -> None:
    refused = refusal(lambda: rank(running, "ben", period_time=timestamp(instant)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "LEADERBOARD_PERIOD_NOT_FOUND")


@pytest.mark.parametrize("instant", [0, NOW, NOW + 9_000 * DAY])
def test_an_all_time_leaderboard_has_one_period(running: Game, instant: Instant) -> None:
    request = rpc.GetPlayerRankRequest(leaderboard_id="points", user_id="ben", period_time=timestamp(instant))
    response = running.leaderboards.GetPlayerRank(request)
    assert response.on_board
    assert response.state == rpc.LeaderboardState(size=4, fresh_at=timestamp(NOW))


def test_without_a_ranking_callers_get_a_retry_delay(database_url: str) -> None:
    with game(database_url, sample_catalogue_with_leaderboards()) as running:
        refused = refusal(lambda: listed(running))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "RANKING_UNAVAILABLE")
