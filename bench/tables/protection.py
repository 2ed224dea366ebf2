"""The cost of TLS, of keys, of tokens and of limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from bench.admission import COUNTED, counting_us, judging_us
from bench.certificates import write_callers, write_certificate
from bench.figures import Table, Unit, at_most
from bench.load import Run, median
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER, ServerProcess
from bench.tables.calls import RunPairs, add_medians, add_ratio, cpu_us
from bench.tables.events import REPORT, report_request
from bench.tables.lists import LIST, list_request
from bench.workbench import PLAIN, Setup, Workbench
from load_generator.plan import ClosedLoop, Manner
from shared.runtime.clock import system_clock

SATURATION = ClosedLoop(in_flight=16)
STATS = "challenge.v1.StatisticsService/GetPlayerStats"
KEY = "chk_of-the-bench"
PLAYERS = 100
"""Number of players with a token each."""
LIMITED = 10_000
"""Number of players whose calls are limited, at most."""
LIMITS = "[limits]\ncalls_per_s = 1000000"


def measure_protection(bench: Workbench) -> Table:
    """Measure CPU with TLS compared with plaintext, and what a key and a token add to a call."""
    table = Table(
        "protection",
        "TLS, keys, tokens and limits",
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections, alternating.",
    )
    secured, trusting = write_certificate(bench.directory)
    tls = Manner(trusting=trusting)
    with bench.setup() as setup:
        for name, module, method, requests in (
            ("lists", CHALLENGE_SERVICE, LIST, lambda: map(list_request, setup.play.shuffled())),
            ("events", EVENT_HANDLER, REPORT, lambda: _events(setup)),
        ):
            with bench.service(module, setup) as plain, bench.service(module, setup, **secured) as other:
                pairs = bench.alternating(
                    f"protection: {name} with TLS",
                    _playing(bench, other, method, requests, tls),
                    _playing(bench, plain, method, requests),
                )
            add_medians(table, f"CPU per call, {name}", pairs, cpu_us, Unit.MICROSECONDS, "TLS", "plaintext")
            add_ratio(table, f"CPU of {name}, TLS relative to plaintext", pairs, cpu_us, at_most(1.3))
        _add_credentials(bench, setup, table)
        _add_limits(bench, setup, table)
    return table


def _add_credentials(bench: Workbench, setup: Setup, table: Table) -> None:
    """Measure what keys and tokens add to calls."""
    players = setup.play.shuffled()[:PLAYERS]
    file, tokens = write_callers(bench.directory, [KEY], players)
    reads = [list_request(player) for player in players]
    with (
        bench.service(CHALLENGE_SERVICE, setup) as plain,
        bench.service(CHALLENGE_SERVICE, setup, CALLERS=str(file)) as with_callers,
    ):
        for name, authorizations in (
            ("a key", [f"Bearer {KEY}"]),
            ("a token that was seen before", [f"Bearer {token}" for token in tokens]),
        ):
            manner = Manner(authorizations=authorizations)
            # Each credential is verified once, which is not measured here.
            bench.play(with_callers, STATS, reads, SATURATION, manner=manner)
            without = _playing(bench, plain, STATS, lambda: reads)
            pairs = bench.alternating(
                f"protection: {name}", _playing(bench, with_callers, STATS, lambda: reads, manner), without
            )
            _add_difference(table, f"CPU per call that {name} adds", pairs, 15.0)
            pairs = bench.alternating(
                f"protection: {name}, unread", _playing(bench, plain, STATS, lambda: reads, manner), without
            )
            _add_difference(table, f"CPU per call of receiving {name}, which a service without callers ignores", pairs)
            _add_judging(table, name, file, authorizations, players)


def _add_judging(table: Table, name: str, file: Path, authorizations: Sequence[str], players: Sequence[str]) -> None:
    count = len(authorizations)
    cpu_us = judging_us(file, authorizations, players[:count])
    note = f"in process, {COUNTED:,} calls"
    table.add(f"CPU of judging a call with {name}", cpu_us, Unit.MICROSECONDS, at_most(15.0), note)


def _add_limits(bench: Workbench, setup: Setup, table: Table) -> None:
    """Measure what limits add to the calls of many callers, none of which reaches them."""
    players = setup.play.shuffled()[:LIMITED]
    file, tokens = write_callers(bench.directory, [], players)
    limited = file.with_name("limited.toml")
    limited.write_text(f"{LIMITS}\n{file.read_text()}")
    reads = [list_request(player) for player in players]
    manner = Manner(authorizations=[f"Bearer {token}" for token in tokens])
    with (
        bench.service(CHALLENGE_SERVICE, setup, CALLERS=str(file)) as plain,
        bench.service(CHALLENGE_SERVICE, setup, CALLERS=str(limited)) as limiting,
    ):
        for server in (plain, limiting):
            bench.play(server, STATS, reads, SATURATION, manner=manner)
        pairs = bench.alternating(
            "protection: limits",
            _playing(bench, limiting, STATS, lambda: reads, manner),
            _playing(bench, plain, STATS, lambda: reads, manner),
        )
    # As large as the difference between two processes that do the same, so only the next figure has a target.
    _add_difference(table, f"CPU per call that limits add, {len(players):,} callers", pairs)
    name = f"CPU of counting a call with events against its limits, {LIMITED:,} callers"
    table.add(name, counting_us(LIMITED), Unit.MICROSECONDS, at_most(5.0), f"in process, {COUNTED:,} calls")


def _playing(
    bench: Workbench, server: ServerProcess, method: str, requests: Callable[[], object], manner: Manner = PLAIN
) -> Callable[[], Run]:
    def play() -> Run:
        return bench.play(server, method, requests(), SATURATION, bench.scale.short_run, repeat=True, manner=manner)  # type: ignore[arg-type]

    return play


def _events(setup: Setup) -> list[bytes]:
    return [report_request(event) for event in islice(setup.play.events(system_clock()), 20_000)]


def _add_difference(table: Table, name: str, pairs: RunPairs, bound: float | None = None) -> None:
    differences = [cpu_us(run) - cpu_us(other) for run, other in pairs]
    note = f"{min(differences):.1f} to {max(differences):.1f} over the rounds"
    table.add(name, median(differences), Unit.MICROSECONDS, None if bound is None else at_most(bound), note)
