"""Events on a Citus cluster beside one node, all on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from urllib.parse import urlsplit, urlunsplit

from challenge.v1 import event_service_pb2 as rpc

from bench.correctness import Reported, check_events, read_tallies, reported
from bench.database import connected, statement
from bench.events import Play
from bench.figures import Table, Unit, at_least, at_most
from bench.load import Run, median
from bench.machine import pin
from bench.players import player_ids
from bench.services import EVENT_HANDLER, ServerProcess
from bench.tables.batches import BATCH, report_batches
from bench.tables.calls import Turns, add_medians, add_ratio, cpu_us, rate
from bench.tables.events import REPORT, report_request
from bench.workplace import SEED, Ground, Workplace, calls_for
from load_generator.plan import ClosedLoop
from shared.domain.operator_acts import Acting
from shared.postgres.distribution.distribute import distribute
from shared.postgres.schema import migrate
from shared.runtime.clock import system_clock

SETTING = "BENCH_CITUS_URL"
"""Variable with the address of an empty database on a coordinator that has the extension and its worker nodes. The
role is a superuser, and all nodes are on this machine."""
SHARDS = 4
ONE_AT_A_TIME = ClosedLoop(in_flight=1, connections=1)
ALONE_RATE_MAX = 2_000.0

_NODES = statement("citus_nodes")
_POSTMASTER = statement("postmaster")


def measure_citus(place: Workplace) -> Table:
    """Measure batches and single events on a cluster, in turns with one node."""
    url = os.environ.get(SETTING)
    if not url:
        raise SystemExit(f"the table `citus` needs {SETTING}, an empty database of a cluster on this machine")
    table = Table(
        "citus",
        f"ReportEvents and ReportEvent on Citus, {SHARDS} shards",
        f"{place.terms.players:,} players without history, batches of {BATCH:,}; in turns with one node. The nodes of "
        "the cluster share the core of Postgres.",
    )
    single = _with_players(place, place.empty_ground())
    _distribute(place, url)
    clustered = _with_players(place, replace(single, url=url))
    grounds = (clustered, single)
    before = [read_tallies(ground.url) for ground in grounds]
    told: list[list[Reported]] = [[], []]
    with place.service(EVENT_HANDLER, clustered) as of_cluster, place.service(EVENT_HANDLER, single) as of_one:
        handlers = (of_cluster, of_one)

        def batches(which: int) -> Run:
            run, outcome = report_batches(place, handlers[which], grounds[which])
            told[which].append(outcome)
            return run

        def alone(which: int) -> Run:
            run, outcome = _report_alone(place, handlers[which], grounds[which])
            told[which].append(outcome)
            return run

        together = place.in_turns("citus: batches", lambda: batches(0), lambda: batches(1))
        apart = place.in_turns("citus: one at a time", lambda: alone(0), lambda: alone(1))
    _add_batches(table, together)
    add_medians(table, "p50 of one event at a time", apart, _p50_ms, Unit.MILLISECONDS, "Citus", "one node")
    add_ratio(table, "p50 of one event at a time beside one node", apart, _p50_ms, at_most(3.0))
    for ground, stored, outcomes in zip(grounds, before, told, strict=True):
        check_events(table, ground.url, stored, outcomes)
    return table


def _add_batches(table: Table, turns: Turns) -> None:
    rates = [median([run.rate * BATCH for run in runs]) for runs in zip(*turns, strict=True)]
    for name, value in zip(("Citus", "one node"), rates, strict=True):
        table.add(f"events in batches, {name}", value, Unit.EVENTS_A_SECOND)
    add_ratio(table, "rate of batches beside one node", turns, rate, at_least(0.7))
    add_medians(
        table, f"CPU of the handler per batch of {BATCH:,}", turns, cpu_us, Unit.MICROSECONDS, "Citus", "one node"
    )


def _report_alone(place: Workplace, handler: ServerProcess, ground: Ground) -> tuple[Run, Reported]:
    stretch = place.terms.turn
    events = list(islice(ground.play.events(system_clock()), calls_for(stretch, ALONE_RATE_MAX)))
    run = place.play(handler, REPORT, map(report_request, events), ONE_AT_A_TIME, stretch, keep_every=1)
    calls = [[event] for event in events]
    ground.play.take_back(calls[len(run.played.codes) :])
    return run, reported(run, calls, rpc.ReportEventResponse)


def _p50_ms(run: Run) -> float:
    return run.latency_ms(0.5)


def _distribute(place: Workplace, url: str) -> None:
    """Migrate and distribute the database of the cluster, and pin the servers of all nodes."""
    migrate(url)
    with connected(url) as coordinator:
        coordinator.set_autocommit(True)
        distribute(coordinator, SHARDS, Acting(system_clock(), "bench"))
    with connected(url) as coordinator:
        nodes: Sequence[tuple[str, int]] = list(_NODES.rows(coordinator))
    parts = urlsplit(url)
    for host, port in nodes:
        address = urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{host}:{port}"))
        with connected(address) as node:
            pin(_POSTMASTER.value(node), place.cores.others)


def _with_players(place: Workplace, ground: Ground) -> Ground:
    return replace(ground, play=Play(player_ids(place.terms.players), SEED))
