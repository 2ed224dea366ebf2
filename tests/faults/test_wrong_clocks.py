"""One process has a wrong clock: shared state stays whole, no event is refused for good, and health says why."""

from __future__ import annotations

import grpc
import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1.event_service_pb2 import Event, ReportEventRequest, Verdict

from shared.domain.instant import DAY, HOUR, Instant
from shared.runtime.clock import system_clock
from tests.support.event_messages import stat
from tests.support.refusals import refusal
from tests.support.service_process import ServiceProcess, WrongClockProcess, serving
from tests.support.services import rows
from tests.support.waiting import wait_until

DAY_S, HOUR_S = 86_400, 3_600
PARTITIONS = "SELECT count(*) FROM pg_class WHERE relname ~ '^event_seen_[0-9]{8}$' AND relkind = 'r'"
OPEN_WEEK = (
    "SELECT final_time FROM leaderboard_period WHERE board_id = 'arena-of-the-week'"
    " AND period_start <= now() AND period_end > now()"
)
PERIODS_MAINTAINED = "SELECT 1 FROM leaderboard_period WHERE period_end > now()"


def victory(at: Instant, event_id: str = "a victory") -> Event:
    return stat("matches_won", delta=3, event_id=event_id, at=at)


def verdict_of(handler: ServiceProcess, event: Event) -> str:
    return Verdict.Name(handler.events.ReportEvent(ReportEventRequest(event=event)).result.verdict)


def reason_unhealthy(handler: ServiceProcess) -> str:
    """Wait until the process is not serving because of its clock, and return the logged reason."""
    wait_until(lambda: handler.health() == "NOT_SERVING" and handler.health("clock") == "NOT_SERVING")
    # Lines are logged beside the calls, so health can be known a moment earlier.
    (reason,) = wait_until(
        lambda: {line["reason"] for line in handler.logged("probe failing") if line["probe"] == "clock"}
    )
    return str(reason)


def assert_is_to_be_sent_again(handler: ServiceProcess, event: Event) -> None:
    refused = refusal(lambda: verdict_of(handler, event))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "CLOCKS_DIFFER")
    assert refused.retry_after_s


@pytest.mark.parametrize(
    ("ahead_s", "side"),
    [
        pytest.param(10 * DAY_S, "ahead of", id="10 days ahead"),
        pytest.param(-HOUR_S, "behind", id="an hour behind", marks=pytest.mark.slow),
        pytest.param(4 * DAY_S, "ahead of", id="4 days ahead", marks=pytest.mark.slow),
    ],
)
def test_a_handler_with_a_wrong_clock_destroys_nothing(database_url: str, ahead_s: int, side: str) -> None:
    event = victory(system_clock())
    with serving("event_handler", database_url) as right:
        assert verdict_of(right, event) == "VERDICT_APPLIED"
        wait_until(lambda: rows(database_url, PERIODS_MAINTAINED))
        partitions = rows(database_url, PARTITIONS)
        with WrongClockProcess(ahead_s, "event_handler", database_url) as wrong:
            reason = reason_unhealthy(wrong)
            assert f"{abs(ahead_s)}.0 s {side} the database's" in reason.replace(",", "")
            assert_is_to_be_sent_again(wrong, event)
            assert_is_to_be_sent_again(wrong, victory(system_clock(), "another"))
        assert verdict_of(right, event) == "VERDICT_DUPLICATE"
        assert verdict_of(right, victory(system_clock(), "another")) == "VERDICT_APPLIED"
        assert right.health() == "SERVING"
    assert rows(database_url, PARTITIONS) >= partitions
    assert rows(database_url, OPEN_WEEK) == [(None,)]
    assert rows(database_url, "SELECT sum::bigint, events FROM tally WHERE schedule = 'lifetime'") == [(6, 2)]


def test_a_claim_is_delivered_at_once_whatever_the_clocks_of_its_processes(database_url: str) -> None:
    with serving("event_handler", database_url) as handler:
        assert verdict_of(handler, victory(system_clock())) == "VERDICT_APPLIED"
    rewards = {"REWARD_WALLET_PROVIDER": "log", "REWARD_DISPATCH": "false"}
    claim = rpc.ClaimRewardRequest(user_id="player", challenge_id="combat", goal_id="win-3-matches")
    with (
        WrongClockProcess(600, "challenge_service", database_url, **rewards) as ahead,
        WrongClockProcess(-HOUR_S, "reward_dispatcher", database_url, **rewards) as behind,
    ):
        wait_until(lambda: ahead.health() != "UNREACHABLE" and behind.health() != "UNREACHABLE")
        before = system_clock()
        wait_until(lambda: ahead.logged("started") and ahead.health("database") == "SERVING")
        ahead.challenges.ClaimReward(claim, wait_for_ready=True)
        wait_until(lambda: rows(database_url, "SELECT 1 FROM reward_outbox WHERE state = 'GRANTED'"))
        after = system_clock()
    (claimed,) = rows(database_url, "SELECT microseconds(create_time), microseconds(settle_time) FROM reward_outbox")
    assert before <= claimed[0] <= claimed[1] <= after


def test_a_handler_judges_by_the_greatest_horizon_that_any_is_set_to(database_url: str) -> None:
    with (
        serving("event_handler", database_url, EVENT_HORIZON_H="72") as large,
        serving("event_handler", database_url, EVENT_HORIZON_H="6") as small,
    ):
        old = victory(system_clock() - 50 * HOUR)
        assert verdict_of(small, old) == "VERDICT_APPLIED"
        assert verdict_of(large, old) == "VERDICT_DUPLICATE"
        assert verdict_of(large, victory(system_clock() - 4 * DAY, "too old")) == "VERDICT_TOO_OLD"
