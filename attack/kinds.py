"""The kinds of attacks, with the settings of the services they are run against."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass

from attack.connection_attacks import half_sent_scrapes, held, never_read, stalled_log
from attack.endpoints import BadWebhook, TricklingProxy
from attack.flood_attacks import GREETING, flood
from attack.input_attacks import bad_webhook, empty_events, junk_catalogue, trickling_redis
from attack.stack import Attack, Stack
from bench.services import ROOT

GET_CHALLENGE = "challenge.v1.ChallengeService/GetChallenge"
REPORT_EVENTS = "challenge.v1.EventService/ReportEvents"
STREAM_EVENTS = "challenge.v1.EventService/StreamEvents"
CHECK = "grpc.health.v1.Health/Check"
LOAD_CATALOGUE = str(ROOT / "catalogues" / "load.yaml")


@dataclass(frozen=True)
class Prepared:
    """An attack, and the settings of the services."""

    attack: Attack
    settings: dict[str, str]


Prepare = Callable[[Stack], AbstractContextManager[Prepared]]
"""Prepares an attack for the length of a `with` block."""


@dataclass(frozen=True)
class Kind:
    """One attack, under the letter of its family."""

    letter: str
    title: str
    prepare: Prepare
    has_latency_bound: bool = True
    """True if ordinary callers may see at most three times the latency."""
    seconds_min: float = 0.0
    leaderboard: str | None = None
    """A leaderboard that ordinary callers read, too."""


def _plain(attack: Attack, **settings: str) -> Prepare:
    return lambda _: nullcontext(Prepared(attack, settings))


def _webhook(*, trickle: bool) -> Prepare:
    @contextmanager
    def prepare(_: Stack) -> Iterator[Prepared]:
        webhook = BadWebhook(trickle=trickle)
        settings = {
            "REWARD_WALLET_PROVIDER": "webhook",
            "REWARD_WEBHOOK_URL": webhook.url,
            "REWARD_WEBHOOK_SECRET": "a secret of the attack",
        }
        with closing(webhook):
            yield Prepared(bad_webhook(webhook), settings)

    return prepare


@contextmanager
def _junk_catalogue(stack: Stack) -> Iterator[Prepared]:
    path = stack.folder / "catalogue" / "catalogue.yaml"
    path.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "catalogues" / "demo.yaml", path)
    yield Prepared(junk_catalogue(path), {"CATALOGUE": str(path)})


@contextmanager
def _trickling_redis(stack: Stack) -> Iterator[Prepared]:
    with closing(TricklingProxy(stack.valkey.port)) as proxy:
        url = stack.valkey.url.replace(f":{stack.valkey.port}/", f":{proxy.port}/")
        yield Prepared(trickling_redis(proxy), {"REDIS_URL": url})


KINDS = [
    Kind("C", "32 GetChallenge calls without a body on one connection", _plain(held(GET_CHALLENGE, 32))),
    Kind("C", "128 ReportEvents calls without a body on one connection", _plain(held(REPORT_EVENTS, 128))),
    Kind("C", "70 Health/Check calls without a body on one connection", _plain(held(CHECK, 70))),
    Kind("C", "32 idle StreamEvents", _plain(held(STREAM_EVENTS, 32))),
    Kind("C", "4 connections that never read", _plain(never_read, CATALOGUE=LOAD_CATALOGUE)),
    Kind(
        "D", "400 half-sent requests to the metrics port, and two scrapers without a pause", _plain(half_sent_scrapes)
    ),
    Kind("E", "logs that are not read, and callers with deadlines of 10 ms", _plain(stalled_log)),
    Kind("F", "a webhook with endless 100 Continue", _webhook(trickle=False)),
    Kind("F", "a webhook that sends a byte of header at a time", _webhook(trickle=True)),
    Kind("G", "4 MB of empty events", _plain(empty_events), has_latency_bound=False),
    Kind("H", "junk as a catalogue", _junk_catalogue, has_latency_bound=False, seconds_min=30.0),
    Kind("I", "a Redis that sends a byte at a time", _trickling_redis, leaderboard="champions"),
    Kind("J", "2,000 connections that say nothing", _plain(flood(b""))),
    Kind("J", "2,000 HTTP/2 connections without a call", _plain(flood(GREETING))),
    Kind("J", "the same, and 1,024 descriptors", _plain(flood(GREETING, descriptors=1_024))),
]
LETTERS = sorted({kind.letter for kind in KINDS})
