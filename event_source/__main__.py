"""The event source, `python -m event_source`: reports messages of a broker to the event handler as events."""

from __future__ import annotations

import gc
import os
import signal
import sys
from functools import partial

if __name__ == "__main__":
    # Objects that imports make stay. The collector would look through them again and again, for a tenth of the CPU.
    gc.disable()

from event_source.handler_calls import OPTIONS, HandlerCalls, raw_method
from event_source.handler_tls import open_handler_tls
from event_source.lag import Lag
from event_source.mapping.mapper import Mapper
from event_source.mapping.mapping_file import MappingInvalid, load_mapping
from event_source.opening import open_broker
from event_source.pump import Bounds, Pump
from event_source.settings import NATS, EventSourceSettings, require_usable
from event_source.telemetry import OF_CONSUMER, OF_PARTITIONS, SourceTelemetry
from shared.rpc.limits import limits_of
from shared.rpc.server import Server, serve
from shared.rpc.tls import server_credentials
from shared.runtime.health import PROBE_INTERVAL_S, Health
from shared.runtime.outgoing_channel import OutgoingChannel
from shared.runtime.service import Process, Service, run_service
from shared.runtime.start_refused import StartRefused
from shared.wiring.transport_security import open_port_tls

NAME = "event_source"
LAG_INTERVAL_S = 2.0
ASK_S = 10.0
"""Longest time in seconds for one question to the broker."""
CLOSE_S = 5.0
"""Seconds for leaving the broker, beyond the grace for what is in flight."""


def compose(settings: EventSourceSettings, process: Process) -> None:
    """Start all parts; the last one to start is the first to stop. The server offers only health checks."""
    require_usable(settings)
    mapper = _mapping(settings)
    health = Health([NAME])
    process.readiness.follow(health)
    telemetry = SourceTelemetry(process.telemetry)
    handler = settings.handler
    channel = OutgoingChannel(handler.target, raw_method, options=OPTIONS, tls=open_handler_tls(handler, process))
    key = None if handler.key is None else handler.key.reveal()
    calls = HandlerCalls(channel, telemetry, timeout_s=handler.timeout_s, key=key)
    process.lifecycle.on_stop("channel", calls.close)

    broker = open_broker(settings)
    bounds = Bounds(
        messages=settings.reading.messages_max, payload_bytes=settings.reading.bytes_max, calls=handler.calls
    )
    pump = Pump(broker, mapper, calls, telemetry, bounds, partial(os.kill, os.getpid(), signal.SIGTERM))
    lag = Lag(broker)
    lag_of = OF_CONSUMER if settings.reading.broker == NATS else OF_PARTITIONS
    telemetry.watch(broker.open_messages, lambda: pump.is_paused, lag, lag_of=lag_of)
    pump.start()
    process.lifecycle.on_stop("pump", lambda: pump.stop(process.grace_s), timeout_s=process.grace_s + CLOSE_S)
    # Stopped before the pump, which closes the broker that these ask.
    process.duties.start("look up the lag", LAG_INTERVAL_S, lag.refresh, pass_s=ASK_S)
    process.duties.start("probe broker", PROBE_INTERVAL_S, health.add_probe("broker", broker.problem), pass_s=ASK_S)
    process.duties.start("probe reporting", PROBE_INTERVAL_S, health.add_probe("reporting", pump.problem))

    tls = open_port_tls(settings.tls, process)
    server = Server(
        process.endpoint,
        [],
        threads=settings.server.threads,
        limits=limits_of(settings.server),
        health=health,
        telemetry=process.telemetry,
        credentials=None if tls is None else server_credentials(tls),
    )
    serve(server, health, process.lifecycle, process.grace_s)


def _mapping(settings: EventSourceSettings) -> Mapper:
    try:
        return load_mapping(settings.reading.mapping)
    except MappingInvalid as error:
        raise StartRefused(f"SOURCE_MAPPING cannot be used:\n{error}") from None


SERVICE = Service(NAME, "Reports messages of Kafka or NATS as events.", EventSourceSettings, compose)


def main() -> int:
    """Run the source until a signal stops it, and return the exit code."""
    gc.enable()
    return run_service(SERVICE, sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
