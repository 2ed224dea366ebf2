"""Events on a Citus cluster compared with one node, all on this machine."""

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
from bench.tables.calls import RunPairs, add_medians, add_ratio, cpu_us, rate
from bench.tables.events import REPORT, report_request
from bench.workbench import SEED, Setup, Workbench, calls_for
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


def measure_citus(bench: Workbench) -> Table:
    """Measure batches and single events on a cluster, alternating with one node."""
    url = os.environ.get(SETTING)
    if not url:
        raise SystemExit(f"the table `citus` needs {SETTING}, an empty database of a cluster on this machine")
    table = Table(
        "citus",
        f"ReportEvents and ReportEvent on Citus, {SHARDS} shards",
        f"{bench.scale.players:,} players without history, batches of {BATCH:,}; alternating with one node. The nodes "
        "of the cluster share the core of Postgres.",
    )
    single = _with_players(bench, bench.empty_setup())
    _distribute(bench, url)
    clustered = _with_players(bench, replace(single, url=url))
    setups = (clustered, single)
    before = [read_tallies(setup.url) for setup in setups]
    outcomes: list[list[Reported]] = [[], []]
    with bench.service(EVENT_HANDLER, clustered) as of_cluster, bench.service(EVENT_HANDLER, single) as of_one:
        handlers = (of_cluster, of_one)

        def batches(which: int) -> Run:
            run, outcome = report_batches(bench, handlers[which], setups[which])
            outcomes[which].append(outcome)
            return run

        def alone(which: int) -> Run:
            run, outcome = _report_alone(bench, handlers[which], setups[which])
            outcomes[which].append(outcome)
            return run

        together = bench.alternating("citus: batches", lambda: batches(0), lambda: batches(1))
        apart = bench.alternating("citus: one at a time", lambda: alone(0), lambda: alone(1))
    _add_batches(table, together)
    add_medians(table, "p50 of one event at a time", apart, _p50_ms, Unit.MILLISECONDS, "Citus", "one node")
    add_ratio(table, "p50 of one event at a time relative to one node", apart, _p50_ms, at_most(3.0))
    for setup, stored, of_setup in zip(setups, before, outcomes, strict=True):
        check_events(table, setup.url, stored, of_setup)
    return table


def _add_batches(table: Table, pairs: RunPairs) -> None:
    rates = [median([run.rate * BATCH for run in runs]) for runs in zip(*pairs, strict=True)]
    for name, value in zip(("Citus", "one node"), rates, strict=True):
        table.add(f"events in batches, {name}", value, Unit.EVENTS_A_SECOND)
    add_ratio(table, "rate of batches relative to one node", pairs, rate, at_least(0.7))
    add_medians(
        table, f"CPU of the handler per batch of {BATCH:,}", pairs, cpu_us, Unit.MICROSECONDS, "Citus", "one node"
    )


def _report_alone(bench: Workbench, handler: ServerProcess, setup: Setup) -> tuple[Run, Reported]:
    length = bench.scale.short_run
    events = list(islice(setup.play.events(system_clock()), calls_for(length, ALONE_RATE_MAX)))
    run = bench.play(handler, REPORT, map(report_request, events), ONE_AT_A_TIME, length, keep_every=1)
    calls = [[event] for event in events]
    setup.play.undo(calls[len(run.played.codes) :])
    return run, reported(run, calls, rpc.ReportEventResponse)


def _p50_ms(run: Run) -> float:
    return run.latency_ms(0.5)


def _distribute(bench: Workbench, url: str) -> None:
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
            pin(_POSTMASTER.value(node), bench.cores.others)


def _with_players(bench: Workbench, setup: Setup) -> Setup:
    return replace(setup, play=Play(player_ids(bench.scale.players), SEED))
