"""The pages `/livez` and `/readyz` for orchestrators."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from shared.runtime.health import Health
from shared.runtime.http_port import Page, Reply
from shared.runtime.lifecycle import STEP_TIMEOUT_S, Lifecycle
from shared.runtime.telemetry import Telemetry

CHECK_INTERVAL_S = 0.5
"""Seconds between two checks of a parent on its workers."""
CHECK_TIMEOUT_S = 1.0
"""Time limit in seconds for one worker's reply."""


class Readiness:
    """The readiness of this process: that of its health, once there is one."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._health: Health | None = None
        self._problems = telemetry.labelled_gauge(
            "health_problem", "1 while a probe fails, by its health name.", labels=("name",)
        )

    def follow(self, health: Health) -> None:
        """Take readiness from this health from now on, and show its probes as metrics."""
        self._health = health
        health.problems = self._problems

    def leave_first(self, lifecycle: Lifecycle, drain_s: float) -> None:
        """Begin every stop with NOT_SERVING, and leave callers `drain_s` to see it before any call is refused."""
        if drain_s:
            drained = threading.Event()
            lifecycle.on_stop("drain", lambda: drained.wait(drain_s), timeout_s=drain_s + STEP_TIMEOUT_S)
        lifecycle.on_stop("health", self._leave)

    def _leave(self) -> None:
        if self._health is not None:
            self._health.leave()

    def reason(self) -> str | None:
        """Return why the process is not ready; None if it is."""
        if self._health is None:
            return "starting"
        return None if self._health.serving("") else self._health.not_serving_because()


class WorkersReadiness:
    """The readiness of several workers, of which one that can serve is enough. They are asked in the background."""

    def __init__(self, ports: Callable[[], Mapping[int, int | None]]) -> None:
        """`ports` returns the port of each worker's pages, None while it starts."""
        self._ports = ports
        self._reason: str | None = "starting"

    def start(self) -> None:
        """Ask the workers from now on."""
        threading.Thread(target=self._check_forever, name="readiness", daemon=True).start()

    def reason(self) -> str | None:
        """Return why no worker is ready; None if one is."""
        return self._reason

    def _check_forever(self) -> None:
        while True:
            reasons = [_reason_at(port) for port in self._ports().values()]
            # The kernel gives connections to workers that listen, and one that is not ready refuses calls by itself.
            self._reason = None if None in reasons else "; ".join(sorted({reason for reason in reasons if reason}))
            time.sleep(CHECK_INTERVAL_S)


def health_pages(reason: Callable[[], str | None]) -> dict[str, Page]:
    """Return the pages: the process is alive if it replies at all, and ready if there is no reason against it."""

    async def livez(_accepted: str) -> Reply:
        # Never asks the database: restarting a process does not heal a database that is away.
        return Reply(HTTPStatus.OK, b"ok\n")

    async def readyz(_accepted: str) -> Reply:
        against = reason()
        if against is None:
            return Reply(HTTPStatus.OK, b"ok\n")
        return Reply(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {against}\n".encode())

    return {"/livez": livez, "/readyz": readyz}


def _reason_at(port: int | None) -> str | None:
    """Return why the worker with this HTTP port is not ready; None if it is."""
    if port is None:
        return "starting"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CHECK_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        text = response.read().decode()
    except (OSError, http.client.HTTPException):
        return "no reply from a worker"
    finally:
        connection.close()
    return None if response.status == HTTPStatus.OK else text.strip().removeprefix("not ready: ")
