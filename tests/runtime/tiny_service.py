"""The smallest service that the framework can run: health and reflection, and settings that make it misbehave."""

from __future__ import annotations

import logging
import os
import sys
import threading
from dataclasses import dataclass

from shared.rpc.server import Server, serve
from shared.runtime.health import PROBE_INTERVAL_S, Health
from shared.runtime.service import Process, Service, run_service
from shared.runtime.settings import prefixed, setting
from shared.runtime.settings_groups import ProcessSettings, ServerSettings, TelemetrySettings
from shared.runtime.start_refused import StartRefused

log = logging.getLogger(__name__)

SLOW_START_S = 3.0


@dataclass(frozen=True, kw_only=True)
class TinySettings:
    """Port 0 by default, so that tests run beside each other."""

    process: ProcessSettings
    server: ServerSettings = prefixed("TINY_", port=0, metrics_port=0, threads=2)
    telemetry: TelemetrySettings
    mishap: str = setting(
        "TINY_MISHAP",
        default="none",
        choices=(
            "none",
            "bug at start",
            "crash at start",
            "refuse to start",
            "slow start",
            "hang at start",
            "hang at stop",
            "failing probe",
            "chatty",
        ),
        help="The fault to show.",
    )


def _chat() -> None:
    for _ in range(500):
        log.info("chat %s", "x" * 200)


def compose(settings: TinySettings, process: Process) -> None:
    if settings.mishap == "bug at start":
        raise RuntimeError("a bug")
    if settings.mishap == "crash at start":
        os._exit(70)
    if settings.mishap == "refuse to start":
        raise StartRefused("there is no catalogue: set CATALOGUE")
    if settings.mishap == "slow start":
        threading.Event().wait(SLOW_START_S)
    if settings.mishap == "hang at start":
        log.info("hanging")
        threading.Event().wait()
    if settings.mishap == "hang at stop":
        process.lifecycle.on_stop("hanging part", threading.Event().wait, timeout_s=60)
    if settings.mishap == "chatty":
        process.duties.start("chat", 0.01, _chat)
    health = Health(["tiny"])
    reason = "away" if settings.mishap == "failing probe" else None
    process.readiness.follow(health)
    process.duties.start("probe", PROBE_INTERVAL_S, health.add_probe("database", lambda: reason))
    server = Server(process.endpoint, [], threads=settings.server.threads, health=health, telemetry=process.telemetry)
    serve(server, health, process.lifecycle, process.grace_s)


SERVICE = Service("tests.runtime.tiny_service", "Responds to health checks.", TinySettings, compose)

if __name__ == "__main__":
    sys.exit(run_service(SERVICE, sys.argv[1:], os.environ))
