"""From a real broker to the tallies, whatever fails on the way: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest, InitializePlayerRequest

from tests.event_source.brokers import BrokerUnderTest, NatsUnderTest
from tests.event_source.journeys import journey, wins
from tests.support.service_process import ServiceProcess, serving
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

KILLS = 6
STOPS_S = 90.0
"""Seconds for a stop on a busy machine: longer than `GRACE_S` of these tests."""
STAYS_S = 5.0
"""Seconds for which the event handler is away: longer than any source may be silent in these tests."""


def test_an_event_travels_from_a_topic_to_a_claim(broker: BrokerUnderTest, database_url: str, tmp_path: Path) -> None:
    with journey(broker, database_url, tmp_path) as way, serving("challenge_service", database_url) as service:
        service.challenges.InitializePlayer(InitializePlayerRequest(user_id="zoe"))
        source = way.source()
        source.wait_until_serving()
        way.publish([json.dumps({"type": "match_won", "player": "zoe", "wins": 3}).encode()])
        way.wait_until_counted()
        request = ClaimRewardRequest(user_id="zoe", challenge_id="combat", goal_id="win-3-matches")
        assert service.challenges.ClaimReward(request).claim.grant_id
        stop(source)


def test_a_source_that_is_killed_again_and_again_loses_and_doubles_nothing(
    broker: BrokerUnderTest, database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(1)
    with journey(broker, database_url, tmp_path) as way:
        source = way.source()
        for number in range(KILLS):
            way.publish(wins(2_000, first=2_000 * number))
            # The source may have counted everything by now.
            enough = min(way.counted()[0] + chance.randint(1, 1_500), len(way.published))
            wait_until(lambda enough=enough: way.counted()[0] >= enough, 60)  # type: ignore[misc]
            source.kill()
            source.start()
        way.wait_until_counted()
        source.wait_until_serving()
        stop(source)


def test_sources_that_come_and_go_share_the_work(broker: BrokerUnderTest, database_url: str, tmp_path: Path) -> None:
    with journey(broker, database_url, tmp_path) as way:
        first = way.source()
        first.wait_until_serving()
        way.publish(wins(1_000))
        second = way.source()
        second.wait_until_serving()
        way.publish(wins(2_000, first=1_000))
        stop(first)
        way.publish(wins(2_000, first=3_000))
        first.start()
        first.wait_until_serving()
        way.publish(wins(2_000, first=5_000))
        second.kill()
        way.publish(wins(1_000, first=7_000))
        way.wait_until_counted()
        stop(first)


def test_a_broker_that_restarts_is_read_on(broker: BrokerUnderTest, database_url: str, tmp_path: Path) -> None:
    with journey(broker, database_url, tmp_path) as way:
        source = way.source()
        source.wait_until_serving()
        way.publish(wins(3_000))
        broker.server.stop()
        wait_until(lambda: source.health("broker") == "NOT_SERVING", 30)
        broker.server.start()
        way.publish(wins(500, first=3_000))
        way.wait_until_counted()
        wait_until(lambda: source.health() == "SERVING", 30)
        stop(source)


def test_an_event_handler_that_is_away_is_waited_for(
    broker: BrokerUnderTest, database_url: str, tmp_path: Path
) -> None:
    with journey(broker, database_url, tmp_path) as way:
        source = way.source()
        source.wait_until_serving()
        way.publish(wins(100))
        way.wait_until_counted()
        way.handler.kill()
        way.publish(wins(4_000, first=100))
        wait_until(lambda: source.health("reporting") == "NOT_SERVING", 30)
        wait_until(lambda: _asked_in_vain(source) >= STAYS_S, 60)
        way.handler.start()
        way.wait_until_counted()
        assert source.logged("partitions given up") == source.logged("partitions lost") == []
        if isinstance(broker, NatsUnderTest):
            wait_until(lambda: broker.redelivered() == 0)
        assert source.logged("dead letter") == []
        stop(source)
        assert broker.dead_letters(0) == []


def test_bad_messages_are_dead_letters_and_repeated_ones_count_once(
    broker: BrokerUnderTest, database_url: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC).isoformat()
    once = json.dumps({"type": "match_won_once", "match": "m 1", "player": "zoe", "wins": 2, "at": now}).encode()
    old = json.dumps(
        {"type": "match_won_once", "match": "m 2", "player": "zoe", "wins": 2, "at": "2020-01-01T00:00:00Z"}
    )
    much = json.dumps({"type": "match_won", "player": "zoe", "wins": 2**50})
    bad = [b"{", b'{"type": "unknown"}', old.encode(), much.encode()]
    with journey(broker, database_url, tmp_path) as way:
        source = way.source()
        broker.publish([once, *bad, once])
        way.publish([*wins(10)])
        wait_until(lambda: len(source.logged("dead letter")) == len(bad), 60)
        wait_until(lambda: way.counted() == (11, 55 + 2), 60)
        stop(source)
        letters = broker.dead_letters(len(bad))
    assert sorted(letter.payload for letter in letters) == sorted(bad)
    reasons = {letter.payload: letter.headers["challenge-reason"] for letter in letters}
    verdicts = {letter.payload: letter.headers["challenge-verdict"] for letter in letters}
    assert [verdicts[payload] for payload in bad] == ["UNMAPPABLE", "UNMAPPABLE", "TOO_OLD", "INVALID"]
    assert reasons[bad[1]] == "no rule of the mapping holds for it"
    assert "event_time: is more than" in reasons[bad[2]]
    assert reasons[bad[3]] == "stat_updated.delta: is not between 0 and 2^40"
    assert all(letter.headers["challenge-position"].startswith(broker.topic) for letter in letters)


def stop(source: ServiceProcess) -> None:
    """Stop a source, and fail if it had to be killed or its pump had failed."""
    status = source.stop(STOPS_S)
    # 1: some part took longer than its time limit, as it may on a busy machine. What was not committed comes again.
    assert status in (0, 1), source.troubles()
    assert source.logged("pump failed") == []


def _asked_in_vain(source: ServiceProcess) -> float:
    """Return for how long the source has been waiting for the event handler, in seconds, as its log says."""
    [paused] = source.logged("call failed, pausing")
    return (datetime.now(UTC) - datetime.fromisoformat(paused["time"])).total_seconds()
