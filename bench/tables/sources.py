"""The event source beside `StreamEvents`: messages of NATS, until their events are durable."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

import nats
from challenge.v1 import event_service_pb2 as rpc

from bench.correctness import Reported, check_events, read_tallies
from bench.events import Play
from bench.figures import Table, Unit, at_least, at_most
from bench.load import Run, median, ratio
from bench.machine import pin
from bench.services import EVENT_HANDLER, EVENT_SOURCE, ServerProcess, counted, environment
from bench.tables.batches import BATCH, STREAM, STREAMING, report_batches
from bench.workplace import Ground, Workplace
from devstack.nats import EmbeddedNats
from devstack.ports import LOOPBACK
from load_generator.usage import cpu_seconds
from shared.domain.events import Event
from shared.domain.goal import Source
from shared.runtime.clock import system_clock

SUBJECT, DEAD_LETTERS = "game.events", "dead.letters"
EVENTS_A_TURN = 40_000
"""Two to four seconds of a source."""
BEGIN, END = 0.1, 0.95
"""The shares of a turn's events between which it is measured: behind the start, before the last, smaller batches."""
LOOK_INTERVAL_S = 0.05
PATIENCE_S = 120.0

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


def measure_sources(place: Workplace) -> Table:
    """Measure events per second from a topic to their commit, and the CPU that the source takes for each."""
    table = Table(
        "sources",
        "event_source, from a stream of NATS to the commit",
        f"{EVENTS_A_TURN:,} messages in JSON, there when the source starts; in turns with StreamEvents. Broker, "
        "source and load generator share cores.",
    )
    with place.ground() as ground:
        with place.service(EVENT_HANDLER, ground) as handler, _broker(place) as broker:
            before = read_tallies(ground.url)
            told: list[Reported] = []

            def stream() -> Run:
                run, outcome = report_batches(place, handler, ground, STREAM, STREAMING, rpc.StreamEventsResponse)
                told.append(outcome)
                return run

            def read(number: int) -> Read:
                events = _events(ground.play, EVENTS_A_TURN)
                name = f"GAME-{number}"
                broker.make_streams({name: [f"{SUBJECT}.{number}"]})
                asyncio.run(_publish(broker.url, f"{SUBJECT}.{number}", events))
                found = _read(place, handler, ground, broker, name)
                told.append(Reported(events))
                return found

            turns = [(stream(), read(number)) for number in place.rounds("sources", place.terms.rounds)]
        rates = ratio([(source.rate, run.rate * BATCH) for run, source in turns])
        table.add("events from the stream", median([source.rate for _, source in turns]), Unit.EVENTS_A_SECOND)
        table.add("StreamEvents", median([run.rate * BATCH for run, _ in turns]), Unit.EVENTS_A_SECOND)
        table.add("rate beside StreamEvents", rates.value, Unit.RATIO, at_least(0.5), str(rates))
        cpu_us = median([source.cpu_us for _, source in turns])
        table.add("CPU per event in the source", cpu_us, Unit.MICROSECONDS, at_most(40))
        check_events(table, ground.url, before, told)
    return table


@contextmanager
def _broker(place: Workplace) -> Iterator[EmbeddedNats]:
    """Yield a broker on the other cores, with a stream for dead letters."""
    with EmbeddedNats(place.directory / "nats") as broker:
        if broker.pid is not None:
            pin(broker.pid, place.cores.others)
        broker.make_streams({"DEAD": [DEAD_LETTERS]})
        yield broker


def _events(play: Play, count: int) -> list[Event]:
    return list(islice(play.events(system_clock()), count))


def _message(event: Event) -> bytes:
    """Return an event as a game might publish it."""
    kind = {"type": "login"} if event.stat.source is Source.LOGIN else {"type": "stat", "stat": event.stat.code}
    document = {**kind, "id": event.event_id, "player": {"id": event.user_id}, "value": event.value, "at": event.time}
    return json.dumps(document).encode()


async def _publish(url: str, subject: str, events: Sequence[Event]) -> None:
    """Publish messages, and wait until all are stored."""
    client = await nats.connect(url)
    try:
        for event in events:
            await client.publish(subject, _message(event))
        context = client.jetstream()
        name = await context.find_stream_name_by_subject(subject)
        while (await context.stream_info(name)).state.messages < len(events):
            await asyncio.sleep(LOOK_INTERVAL_S)
    finally:
        await client.close()


def _read(place: Workplace, handler: ServerProcess, ground: Ground, broker: EmbeddedNats, stream: str) -> Read:
    """Read a stream to its end with a new source."""
    mapping = place.directory / "mapping.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    env = environment(
        EVENT_SOURCE,
        ground.url,
        SOURCE_BROKER="nats",
        SOURCE_MAPPING=str(mapping),
        SOURCE_HANDLER=f"{LOOPBACK}:{handler.port}",
        SOURCE_DEAD_LETTERS=DEAD_LETTERS,
        NATS_URL=broker.url,
        NATS_STREAM=stream,
        NATS_CONSUMER=stream,
    )
    with place.running(ServerProcess(EVENT_SOURCE, env=env), place.cores.others) as source:
        begun = _wait_for(source, EVENTS_A_TURN * BEGIN)
        ended = _wait_for(source, EVENTS_A_TURN * END)
        _wait_for(source, EVENTS_A_TURN)
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
        time.sleep(LOOK_INTERVAL_S)
