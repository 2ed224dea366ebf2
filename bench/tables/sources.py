"""The event source compared with `StreamEvents`: messages of NATS and of Kafka, until their events are durable."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from challenge.v1 import event_service_pb2 as rpc

from bench.brokers import CHECK_INTERVAL_S, PATIENCE_S, Broker, kafka_broker, nats_broker
from bench.correctness import Reported, check_events, read_tallies
from bench.events import Play
from bench.figures import Table, Unit, at_least, at_most
from bench.load import Run, median, ratio
from bench.services import EVENT_HANDLER, EVENT_SOURCE, ServerProcess, counted, environment
from bench.tables.batches import BATCH, STREAM, STREAMING, report_batches
from bench.workbench import Setup, Workbench
from devstack.kafka import missing
from devstack.ports import LOOPBACK
from load_generator.usage import cpu_seconds
from shared.domain.events import Event
from shared.domain.goal import Source
from shared.runtime.clock import system_clock

EVENTS_A_ROUND = 40_000
"""Two to four seconds of a source."""
BEGIN, END = 0.1, 0.95
"""The shares of a round's events between which it is measured: behind the start, before the last, smaller batches."""

MAPPING = """\
payload: json
events:
  - when: {$.type: login}
    id: $.id
    user: $.player.id
    login: true
    event_time: {path: $.at, format: unix_us}
  - when: {$.type: stat}
    id: $.id
    user: $.player.id
    stat: $.stat
    value: $.value
    event_time: {path: $.at, format: unix_us}
"""


class Read(NamedTuple):
    """The measurement of one source."""

    rate: float
    """Events per second."""
    cpu_us: float
    """CPU time of the source for an event, in microseconds."""


def measure_sources(bench: Workbench) -> Table:
    """Measure events per second from a topic to their commit, and the CPU that the source takes for each."""
    table = Table(
        "sources",
        "event_source, from a topic to the commit",
        f"{EVENTS_A_ROUND:,} messages in JSON, there when the source starts; alternating with StreamEvents. Broker, "
        "source and load generator share cores.",
    )
    without_kafka = missing()
    if without_kafka is not None:
        bench.say(f"sources: no figures of Kafka, {without_kafka}")
    with bench.setup() as setup, bench.service(EVENT_HANDLER, setup) as handler:
        before = read_tallies(setup.url)
        outcomes: list[Reported] = []
        for broker_of in (nats_broker,) if without_kafka is not None else (nats_broker, kafka_broker):
            with broker_of(bench) as broker:
                _measure(table, bench, handler, setup, broker, outcomes)
        check_events(table, setup.url, before, outcomes)
    return table


def _measure(
    table: Table, bench: Workbench, handler: ServerProcess, setup: Setup, broker: Broker, outcomes: list[Reported]
) -> None:
    def stream() -> Run:
        run, outcome = report_batches(bench, handler, setup, STREAM, STREAMING, rpc.StreamEventsResponse)
        outcomes.append(outcome)
        return run

    def read(number: int) -> Read:
        events = _events(setup.play, EVENTS_A_ROUND)
        broker.fill(number, [(event.user_id, _message(event)) for event in events])
        found = _read(bench, handler, setup, broker.environ(number))
        outcomes.append(Reported(events))
        return found

    name = f"sources: {broker.name}"
    pairs = [(stream(), read(number)) for number in bench.rounds(name, bench.scale.rounds)]
    rates = ratio([(source.rate, run.rate * BATCH) for run, source in pairs])
    events = median([source.rate for _, source in pairs])
    table.add(f"events from {broker.name}", events, Unit.EVENTS_A_SECOND)
    table.add(
        f"StreamEvents alternating with {broker.name}",
        median([run.rate * BATCH for run, _ in pairs]),
        Unit.EVENTS_A_SECOND,
    )
    table.add(f"rate of {broker.name} relative to StreamEvents", rates.value, Unit.RATIO, at_least(0.5), str(rates))
    cpu_us = median([source.cpu_us for _, source in pairs])
    table.add(f"CPU per event in the source, {broker.name}", cpu_us, Unit.MICROSECONDS, at_most(40))


def _events(play: Play, count: int) -> list[Event]:
    return list(islice(play.events(system_clock()), count))


def _message(event: Event) -> bytes:
    """Return an event as a game might publish it."""
    kind = {"type": "login"} if event.stat.source is Source.LOGIN else {"type": "stat", "stat": event.stat.code}
    document = {**kind, "id": event.event_id, "player": {"id": event.user_id}, "value": event.value, "at": event.time}
    return json.dumps(document).encode()


def _read(bench: Workbench, handler: ServerProcess, setup: Setup, of_broker: Mapping[str, str]) -> Read:
    """Read a topic to its end with a new source."""
    mapping = bench.directory / "mapping.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    env = environment(
        EVENT_SOURCE,
        setup.url,
        SOURCE_MAPPING=str(mapping),
        SOURCE_HANDLER=f"{LOOPBACK}:{handler.port}",
        **of_broker,
    )
    with bench.running(ServerProcess(EVENT_SOURCE, env=env), bench.cores.others) as source:
        begun = _wait_for(source, EVENTS_A_ROUND * BEGIN)
        ended = _wait_for(source, EVENTS_A_ROUND * END)
        _wait_for(source, EVENTS_A_ROUND)
    events, seconds, cpu_s = (after - before for before, after in zip(begun, ended, strict=True))
    return Read(events / seconds, 1e6 * cpu_s / events)


def _wait_for(source: ServerProcess, events: float) -> tuple[float, float, float]:
    """Wait until this number of events is applied; return how many are, at what second, and the CPU time so far."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        applied = counted(source.metrics_port, "source_messages_total", outcome="APPLIED")
        now = time.monotonic()
        if applied >= events:
            return applied, now, cpu_seconds(source.running_pid)
        if now > deadline:
            raise TimeoutError(f"only {applied:,.0f} of {events:,.0f} events were applied")
        time.sleep(CHECK_INTERVAL_S)
