"""A source that calls an event handler with mutual TLS and a key, as any caller does."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.event_source.brokers import BrokerUnderTest
from tests.event_source.journeys import journey, wins
from tests.support.certificates import Authority
from tests.support.tokens import key_entry
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

KEY, LATER_KEY = "chk_of-the-source", "chk_of-the-source-later"
NUMBER = 1_000


def test_a_source_shows_its_certificate_and_key_and_waits_while_the_key_is_refused(
    broker: BrokerUnderTest, database_url: str, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    server, own = authority.files(), authority.files("source.game")
    callers, key = tmp_path / "callers.toml", tmp_path / "source.key"
    callers.write_text(key_entry("source", KEY, "events:write"))
    key.write_text(KEY)
    secured = {
        "TLS_CERTIFICATE": str(server.certificate),
        "TLS_PRIVATE_KEY": str(server.private_key),
        "TLS_CLIENT_CA": str(authority.certificate),
        "CALLERS": str(callers),
    }
    with journey(broker, database_url, tmp_path, **secured) as way:
        source = way.source(
            SOURCE_TLS="true",
            SOURCE_CA=str(authority.certificate),
            SOURCE_CERTIFICATE=str(own.certificate),
            SOURCE_PRIVATE_KEY=str(own.private_key),
            SOURCE_KEY_FILE=str(key),
        )
        way.publish(wins(NUMBER))
        way.wait_until_counted()

        loaded = len(way.handler.logged("files in use"))
        callers.write_text(key_entry("source", LATER_KEY, "events:write"))
        way.handler.signal(signal.SIGHUP)
        wait_until(lambda: len(way.handler.logged("files in use")) > loaded, 60)
        way.publish(wins(NUMBER, first=NUMBER))
        wait_until(lambda: source.health("reporting") == "NOT_SERVING", 60)
        assert source.logged("dead letter") == []

        callers.write_text(key_entry("source", KEY, "events:write") + key_entry("later", LATER_KEY, "events:write"))
        way.handler.signal(signal.SIGHUP)
        way.wait_until_counted()
        wait_until(lambda: source.health() == "SERVING", 60)
        source.stop(90)
    assert KEY not in json.dumps(source.logs)


def test_an_event_handler_that_another_authority_vouches_for_gets_no_events(
    broker: BrokerUnderTest, database_url: str, tmp_path: Path
) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path)
    server = authority.files()
    secured = {"TLS_CERTIFICATE": str(server.certificate), "TLS_PRIVATE_KEY": str(server.private_key)}
    with journey(broker, database_url, tmp_path, **secured) as way:
        source = way.source(SOURCE_TLS="true", SOURCE_CA=str(other.certificate), SOURCE_CALL_TIMEOUT_S="1")
        way.publish(wins(10))
        wait_until(lambda: source.health("reporting") == "NOT_SERVING", 60)
        assert way.counted() == (0, 0)
        source.stop(90)
    assert source.logged("dead letter") == []
