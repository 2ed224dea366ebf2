"""Sizes of responses: all that cannot be divided stay below the bound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from challenge.v1 import challenge_pb2, leaderboard_service_pb2, statistics_service_pb2
from challenge.v1 import challenge_service_pb2 as rpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from admin.__main__ import main
from challenge_service.statistics_servicer import stats_message
from shared.catalogue.fields import DESCRIPTION_LENGTH_MAX, NAME_LENGTH_MAX
from shared.catalogue.rules import CHALLENGES_MAX, LEADERBOARDS_MAX
from shared.catalogue.sizes import CHALLENGE_BYTES_MAX, response_size
from shared.domain.acceptance import ID_LENGTH_MAX
from shared.domain.goal import AMOUNT_MAX, Source, Stat
from shared.domain.instant import SECOND
from shared.domain.leaderboard import PLAYERS_MAX
from shared.domain.progress import Assignment, Completion, PlayerView, TallyView
from shared.domain.reward import REWARDS_MAX, Reward, RewardType
from shared.domain.standings import Scope, ScopeKind, Standing
from shared.domain.statistics import TREND_DAYS_MAX, PlayerStatistics, login_statistics
from shared.domain.tally import Measures
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.rpc.response_sizes import RESPONSE_BYTES_MAX, ClaimsRoom, goals_size, size_warnings
from shared.rpc.validation import PAGE_SIZE_MAX
from tests.catalogue.documents import document, goal, loaded, problems_in, write_json
from tests.support.goals import goal as goal_of
from tests.support.sample_catalogue import DOCUMENT, assigned, sample_catalogue

LAST = 253_402_300_799 * SECOND + SECOND - 1
INT64_MAX, INT32_MAX = 2**63 - 1, 2**31 - 1
TIME = Timestamp(seconds=LAST // SECOND, nanos=999_999_000)
WIDE = "\U0001f3c6"
"""A character of the greatest size."""
ID = WIDE * ID_LENGTH_MAX

CLAIM = challenge_pb2.Claim(
    state=challenge_pb2.CLAIM_STATE_REFUNDED,
    reward=challenge_pb2.Reward(type=challenge_pb2.REWARD_TYPE_WALLET, reward_id=ID, quantity=INT64_MAX),
    grant_id="00000000-0000-0000-0000-000000000000",
    claim_time=TIME,
    goal_id=ID,
    occurrence=INT32_MAX,
    claim_number=INT32_MAX,
    attempts=INT32_MAX,
    refusal_reason=challenge_pb2.REFUSAL_REASON_NOT_ELIGIBLE,
    settle_time=TIME,
    period_start=TIME,
    reward_number=REWARDS_MAX,
)
PERIOD = challenge_pb2.Period(schedule_id=ID, start_time=TIME, end_time=TIME, claim_end_time=TIME, season_id=ID)
ENTRIES: list[tuple[Message, int]] = [
    (rpc.ListClaimsResponse(claims=[CLAIM]), PAGE_SIZE_MAX),
    (
        leaderboard_service_pb2.ListLeaderboardResponse(
            entries=[
                leaderboard_service_pb2.LeaderboardEntry(
                    user_id=ID, rank=INT64_MAX, place=INT64_MAX, score=-1, reached_time=TIME
                )
            ]
        ),
        PLAYERS_MAX,
    ),
    (
        leaderboard_service_pb2.ListLeaderboardsResponse(
            leaderboards=[
                leaderboard_service_pb2.Leaderboard(
                    leaderboard_id=ID,
                    name=WIDE * NAME_LENGTH_MAX,
                    description=WIDE * DESCRIPTION_LENGTH_MAX,
                    measure=leaderboard_service_pb2.LEADERBOARD_MEASURE_DAYS,
                    schedule=leaderboard_service_pb2.LEADERBOARD_SCHEDULE_CUSTOM,
                    ascending=True,
                    shared_ranks=True,
                    tag=ID,
                    stat_code=ID,
                    schedule_id=ID,
                    challenge_id=ID,
                )
            ]
        ),
        LEADERBOARDS_MAX,
    ),
    (
        statistics_service_pb2.GetPlayerTrendResponse(
            days=[
                statistics_service_pb2.TrendDay(
                    start_time=TIME, completed=INT64_MAX, claimed=INT64_MAX, points=INT64_MAX
                )
            ]
        ),
        TREND_DAYS_MAX,
    ),
    (
        statistics_service_pb2.GetChallengeReportResponse(
            reports=[
                statistics_service_pb2.ChallengeReport(
                    challenge_id=ID, started=INT64_MAX, completed=INT64_MAX, claimed=INT64_MAX, report_time=TIME
                )
            ]
        ),
        CHALLENGES_MAX,
    ),
]


@pytest.mark.parametrize(("response", "entries_max"), ENTRIES, ids=lambda value: type(value).__name__)
def test_the_greatest_number_of_the_largest_entries_stays_below_the_bound(response: Message, entries_max: int) -> None:
    [(_, [entry])] = response.ListFields()
    always = {field.name for field in entry.DESCRIPTOR.fields if field.containing_oneof is None}
    assert {field.name for field, _ in entry.ListFields()} >= always, "every field has its largest value"
    assert response.ByteSize() * entries_max < RESPONSE_BYTES_MAX


@pytest.mark.parametrize("kinds", [("tallies",), ("tallies", "tags", "challenges")])
def test_statistics_that_are_too_large_are_shortened_from_their_end(kinds: tuple[str, ...]) -> None:
    def ids(kind: str) -> list[str]:
        return [f"{number:05}{ID[5:]}" for number in range(8_000 if kind in kinds else 10)]

    standings = {Scope(ScopeKind.CHALLENGE, each): Standing(1) for each in ids("challenges")}
    standings |= {Scope(ScopeKind.TAG, each): Standing(1) for each in ids("tags")}
    tallies = {Stat(Source.STAT, code): TallyView(Measures(1, 1, 1, 0)) for code in ids("tallies")}
    stats = stats_message(PlayerStatistics(standings, tallies, login_statistics([], 0), 0, 0))
    assert stats.shortened
    assert 0.95 * RESPONSE_BYTES_MAX < stats.ByteSize() <= RESPONSE_BYTES_MAX
    codes = [tally.stat_code for tally in stats.tallies]
    assert codes == ids("tallies")[: len(codes)]
    small = stats_message(PlayerStatistics({}, dict(list(tallies.items())[:10]), login_statistics([], 0), 0, 0))
    assert not small.shortened


def test_no_result_of_claiming_all_takes_more_than_its_room() -> None:
    won = replace(goal_of(ID), challenge_id=ID, reward=Reward(RewardType.WALLET, ID, AMOUNT_MAX))
    result = rpc.GoalClaim(
        challenge_id=ID, goal_id=ID, claim=CLAIM, newly_claimed=True, reason="GOAL_INACTIVE", period_start=TIME
    )
    size = rpc.ClaimAllResponse(results=[result]).ByteSize()
    assert not ClaimsRoom(size - 1).take(won, won.rewards_of(1))
    assert ClaimsRoom(size + 100).take(won, won.rewards_of(1))
    result.further_claims.append(CLAIM)
    size, several = rpc.ClaimAllResponse(results=[result]).ByteSize(), replace(won, further_rewards=won.rewards_of(1))
    assert not ClaimsRoom(size - 1).take(several, several.rewards_of(1))
    assert ClaimsRoom(2 * size).take(several, several.rewards_of(1))


def test_no_player_makes_a_challenge_larger_than_its_size() -> None:
    catalogue = sample_catalogue()
    goals = catalogue.goals.values()
    measures = Measures(*[AMOUNT_MAX] * len(Measures._fields))
    view = PlayerView(
        {each.stat: TallyView(measures, AMOUNT_MAX) for each in goals},
        {each.id: Assignment(True, LAST) for each in goals},
        {each.id: Completion(LAST, LAST) for each in goals},
    )
    encoded = EncodedCatalogue(catalogue).without(frozenset())
    shown = encoded.challenges(catalogue.challenges, view, active_only=False)
    for content, (challenge, message) in zip(DOCUMENT["challenges"], shown, strict=True):
        assert 0.8 * goals_size(challenge.goals) < message.length < goals_size(challenge.goals) + 100
        size = goals_size(challenge.goals)
        assert message.length < response_size(content), "the catalogue's estimate is never too low"
        assert response_size(content) < size + 150 * len(challenge.goals), "nor much too high"


def test_ordinary_catalogues_have_no_size_warnings() -> None:
    assert list(size_warnings(sample_catalogue())) == []


def test_a_challenge_that_no_client_would_get_is_refused(tmp_path: Path) -> None:
    goals = [goal(f"goal-{n}", description="x" * DESCRIPTION_LENGTH_MAX) for n in range(1_800)]
    content = document(*goals)
    content["challenges"].append({"id": "small", "name": "Small", "goals": [goal("small")]})
    [problem] = problems_in(write_json(tmp_path / "catalogue.json", content))
    assert problem.path == "challenges[0]"
    assert problem.message.startswith("takes up to 3.8 MiB in a response, more than 3.5 MiB, and gRPC clients refuse")
    del goals[1_500:]
    assert problems_in(write_json(tmp_path / "catalogue.json", document(*goals))) == ()
    assert CHALLENGE_BYTES_MAX == RESPONSE_BYTES_MAX


def test_the_check_warns_of_large_defaults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = document(*[assigned(f"a-{n}", description="x" * DESCRIPTION_LENGTH_MAX) for n in range(900)])
    more = [assigned(f"b-{n}", description="x" * DESCRIPTION_LENGTH_MAX) for n in range(900)]
    content["challenges"].append({"id": "other", "name": "Other", "goals": more})
    file = write_json(tmp_path / "catalogue.json", content)
    assert main(["catalogue", "check", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("ok: 2 challenges, 1,800 goals")
    assert err.splitlines() == [f"warning: {warning}" for warning in size_warnings(loaded(content))]
    assert "the goals that are active by default take up to 3.7 MiB" in err
