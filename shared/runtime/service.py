"""The process of a service from its first line to its exit code; `compose` is what differs between services.

def main() -> int:
    service = Service("event_handler", "Turns events into progress.", EventSettings, compose)
    return run_service(service, sys.argv[1:], os.environ)
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from prometheus_client import Counter

from shared.runtime import command_line
from shared.runtime.clock import Clock, system_clock
from shared.runtime.descriptors import allow_many_descriptors
from shared.runtime.development_clock import require_loopback
from shared.runtime.duties import Duties
from shared.runtime.http_port import HttpPort, Page
from shared.runtime.interpreter import collect_seldom, use_batch_scheduling
from shared.runtime.lifecycle import Lifecycle
from shared.runtime.logs import LogQueue, log_to_stderr
from shared.runtime.metrics_page import WorkerMetrics, metrics_page
from shared.runtime.parent_link import ParentLink, Worker
from shared.runtime.ports import Endpoint, listening_host, require_free, reserve
from shared.runtime.readiness import Readiness, WorkersReadiness, health_pages
from shared.runtime.safe_start import require_protection
from shared.runtime.secret import Hider
from shared.runtime.settings import load, variable_name
from shared.runtime.settings_groups import ProcessSettings, ServerSettings, TelemetrySettings, connections_of
from shared.runtime.settings_report import text_table, unknown_variables
from shared.runtime.signals import hold_reload_signal, hold_stop_signals
from shared.runtime.start_refused import EXIT_REFUSED, StartRefused
from shared.runtime.telemetry import Registry, Telemetry
from shared.runtime.tls_settings import require_complete
from shared.runtime.version import VERSION
from shared.runtime.workers import Workers

log = logging.getLogger(__name__)

LOG_LINES_DROPPED = "Log lines that did not fit into the buffer, because their reader stalls."

WORKER_RENDER_INTERVAL_S = 0.2
"""Seconds between two renderings of a worker's metrics: shorter than its parent's interval, which reads them."""


class ServiceSettings(Protocol):
    """The groups that every service's settings class nests under these names."""

    @property
    def process(self) -> ProcessSettings: ...
    @property
    def server(self) -> ServerSettings: ...
    @property
    def telemetry(self) -> TelemetrySettings: ...


S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True)
class Process:
    """The foundation of a composition root, which registers everything that it starts with `lifecycle`."""

    endpoint: Endpoint
    """The address of the gRPC server."""
    telemetry: Telemetry
    lifecycle: Lifecycle
    duties: Duties
    readiness: Readiness
    """Follows the health of the process, for orchestrators that ask over HTTP."""
    grace_s: float
    """Seconds that running calls get to end."""
    clock: Clock = system_clock
    """The wall clock of the process."""


def _nothing() -> None:
    """Do nothing: nothing was prepared."""


@dataclass(frozen=True)
class Service(Generic[S]):
    """A program, `python -m MODULE`. `compose` starts all its parts and returns; it may raise `StartRefused`."""

    module: str
    description: str
    settings: type[S]
    compose: Callable[[S, Process], None]
    discard_prepared: Callable[[], None] = _nothing
    """Gives up what was prepared for `compose`. The parent of several workers calls it, which composes nothing."""
    clock: Clock = system_clock
    """The wall clock of the process."""


def run_service(service: Service[S], argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run until a signal asks to stop, and return the exit code.

    0: stopped in order. 1: a part did not stop in time. 2: refused to start, with the reason on standard error.
    Call it in the main thread, before any other thread is started.
    """
    arguments = command_line.parse(service.module, service.description, argv)
    try:
        settings = load(service.settings, environ)
        workers = arguments.workers or settings.server.workers
        connections = connections_of(settings, workers)
        if connections is not None:
            connections.require_allowed()
        require_loopback(settings)
        require_complete(settings)
        require_protection(settings)
        if arguments.show_settings:
            sys.stdout.write(text_table(service.settings, settings))
            if connections is not None:
                sys.stdout.write(f"\n{connections}\n")
            sys.stdout.writelines(f"\n{unknown}\n" for unknown in unknown_variables(service.settings, environ))
            return 0
        allow_many_descriptors()
        hold_stop_signals()
        hold_reload_signal()
        logs = log_to_stderr(settings.process.log_level, hide=Hider(settings))
        if arguments.worker:
            return _run_worker(service, settings)
        log.info("starting", extra={"service": service.module, "version": VERSION})
        for unknown in unknown_variables(service.settings, environ):
            log.warning("unknown setting", extra={"variable": unknown.name, "meant": unknown.meant})
        if workers > 1:
            return _run_workers(service, settings, workers, environ)
        return _run(service, settings, logs)
    except StartRefused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return EXIT_REFUSED


def _run_worker(service: Service[S], settings: S) -> int:
    """Run one of several workers once the parent needs it. By then all imports are done, most of a start."""
    parent = ParentLink()
    index = parent.wait_for_index()
    if index is None:
        return 0
    logs = log_to_stderr(settings.process.log_level, worker=index, hide=Hider(settings))
    log.info("starting", extra={"service": service.module, "version": VERSION})
    return _run(service, settings, logs, Worker(index, parent))


def _run(service: Service[S], settings: S, logs: LogQueue, worker: Worker | None = None) -> int:
    """Run the service in this process: the only one, or one of several workers."""
    use_batch_scheduling()
    with Lifecycle() as lifecycle:
        telemetry, duties = _telemetry(service, settings, worker, lifecycle, logs)
        about_service = {"service_name": service.module, "service_version": VERSION}
        telemetry.info("target_info", "The service and its release.", lambda: about_service)
        logs.on_drop = telemetry.counter("log_lines_dropped", LOG_LINES_DROPPED).inc
        endpoint = _endpoint(service, settings, "port", shared=worker is not None)
        readiness = Readiness(telemetry)
        if worker is None:
            require_free(endpoint)
            about = _open_http_ports(service, settings, metrics_page(telemetry.registry), readiness.reason)
        else:
            pages = health_pages(readiness.reason)
            pages["/metrics"] = metrics_page(telemetry.registry, WORKER_RENDER_INTERVAL_S)
            about = {"metrics_port": _serve(Endpoint("127.0.0.1", 0, setting=""), pages)}
        process = Process(endpoint, telemetry, lifecycle, duties, readiness, settings.process.grace_s, service.clock)
        service.compose(settings, process)
        readiness.leave_first(lifecycle, settings.process.drain_s)
        if worker is not None:
            worker.parent.tell_metrics_port(about["metrics_port"])
        log.info("started", extra={"service": service.module, **about})
        collect_seldom()
        if worker is None:
            lifecycle.run_until_signalled()
        else:
            lifecycle.run_until_signalled(worker.parent.die_with_parent)
    if not lifecycle.stopped_cleanly:
        # A part that hangs may hold a thread that the interpreter would wait for without a limit.
        logging.shutdown()
        os._exit(1)
    return 0


def _run_workers(service: Service[S], settings: S, count: int, environ: Mapping[str, str]) -> int:
    """Run the parent of several workers: hold the port, keep them running, and show their metrics together."""
    service.discard_prepared()
    held, endpoint = reserve(_endpoint(service, settings, "port"))
    registry = Registry()
    restarts = Counter("worker_restarts", "Workers that died and were replaced.", ["worker"], registry=registry)
    # The workers listen on the reserved port, also if the setting was 0.
    workers = Workers(service.module, count, {**environ, endpoint.setting: str(endpoint.port)}, restarts)
    registry.register(WorkerMetrics(workers.metrics_ports))
    readiness = WorkersReadiness(workers.metrics_ports)
    with held:
        about = _open_http_ports(service, settings, metrics_page(registry), readiness.reason)
        readiness.start()
        log.info("started workers", extra={"service": service.module, "port": endpoint.port, "workers": count, **about})
        return workers.run(settings.process.drain_s + settings.process.grace_s)


def _open_http_ports(
    service: Service[S], settings: S, metrics: Page, reason_not_ready: Callable[[], str | None]
) -> dict[str, int]:
    """Serve metrics on one port, and `/livez` and `/readyz` on another if there is a setting for it.

    Return the ports by name, for the log.
    """
    process = settings.process
    address = process.metrics_bind_address or process.bind_address
    metrics_endpoint = replace(_endpoint(service, settings, "metrics_port"), host=listening_host(address))
    ports = {"metrics_port": _serve(metrics_endpoint, {"/metrics": metrics, "/": metrics})}
    if settings.server.health_port is not None:
        ports["health_port"] = _serve(_endpoint(service, settings, "health_port"), health_pages(reason_not_ready))
    return ports


def _serve(endpoint: Endpoint, pages: Mapping[str, Page]) -> int:
    http_port = HttpPort(endpoint, pages)
    http_port.start()
    return http_port.port


def _endpoint(service: Service[S], settings: S, field: str, *, shared: bool = False) -> Endpoint:
    variable = variable_name(service.settings, f"server.{field}")
    return Endpoint(listening_host(settings.process.bind_address), getattr(settings.server, field), variable, shared)


def _telemetry(
    service: Service[S], settings: S, worker: Worker | None, lifecycle: Lifecycle, logs: LogQueue
) -> tuple[Telemetry, Duties]:
    """Start metrics, and traces if there is a collector to send them to. Registered first, so stopped last."""
    collector = settings.telemetry.otlp_endpoint
    if collector is None:
        telemetry = Telemetry()
        return telemetry, Duties(lifecycle, telemetry)
    from shared.runtime import otlp, tracing  # slow to import, so only where they are used

    resource = otlp.resource_of(service.module, worker.index if worker is not None else None)
    traced = otlp.tracing_to(collector.reveal(), resource, settings.telemetry.trace_sample_ratio)
    logs.name_traces(tracing.current_ids)
    telemetry = Telemetry(traced)
    duties = Duties(lifecycle, telemetry)
    export = otlp.MetricsExport(collector.reveal(), telemetry.registry, resource)
    lifecycle.on_stop("traces", traced.close, timeout_s=otlp.CLOSE_TIMEOUT_S)
    lifecycle.on_stop("metrics", export.close, timeout_s=otlp.CLOSE_TIMEOUT_S)
    duties.start("send metrics", otlp.EXPORT_INTERVAL_S, export.one_pass, pass_s=otlp.CLOSE_TIMEOUT_S)
    return telemetry, duties
