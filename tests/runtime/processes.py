"""A service as a process: its log and its exit code."""

from __future__ import annotations

import json
import os
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from tests.support.imported_programs import start_imported
from tests.support.waiting import wait_until


class ServiceProcess:
    """A running `tests.runtime.tiny_service`; its standard error is read as JSON lines, other lines are kept apart."""

    def __init__(self, *arguments: str, **environ: str) -> None:
        read_end, write_end = os.pipe()
        try:
            self.process = start_imported(
                "tests.runtime.tiny_service", arguments, {**os.environ, **environ}, (write_end, write_end)
            )
        finally:
            os.close(write_end)
        self.logs: list[dict[str, Any]] = []
        self.other_lines: list[str] = []
        self._reader = threading.Thread(target=self._read, args=(read_end,), daemon=True)
        self._reader.start()

    def logged(self, message: str, **fields: object) -> list[dict[str, Any]]:
        """Return the log lines so far with this message and these fields."""
        return [line for line in list(self.logs) if {**line, "message": message, **fields} == line]

    def wait_for(self, message: str, count: int = 1) -> dict[str, Any]:
        """Wait until the message was logged this many times, and return the last of these lines."""
        return wait_until(lambda: self.logged(message)[count - 1 : count])[0]

    def wait(self, deadline_s: float = 60.0) -> int:
        """Wait until the process and all its workers have ended, and return its exit code.

        Workers share its standard error, which ends with the last of them.
        """
        code = self.process.wait(deadline_s)
        self._reader.join(deadline_s)
        assert not self._reader.is_alive(), "a worker outlived the service"
        return code

    def close(self) -> None:
        """Kill the process, whatever its state."""
        self.process.kill()
        self.wait()

    def _read(self, read_end: int) -> None:
        with os.fdopen(read_end) as stderr:
            for line in stderr:
                try:
                    self.logs.append(json.loads(line))
                except json.JSONDecodeError:
                    self.other_lines.append(line)


@contextmanager
def started(*arguments: str, **environ: str) -> Iterator[ServiceProcess]:
    """Start a service with this command line and environment, and kill it at the end of the block."""
    service = ServiceProcess(*arguments, **environ)
    try:
        yield service
    finally:
        service.close()


def is_serving(port: int) -> bool:
    """Return True if the server on the port reports that it serves."""
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        try:
            response = check(HealthCheckRequest(), timeout=2, wait_for_ready=True)
        except grpc.RpcError:
            return False
        return response.status == HealthCheckResponse.SERVING


def metrics_at(port: int) -> str:
    """Return the Prometheus text on the port."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as response:
        text: str = response.read().decode()
        return text


def samples(text: str, name: str) -> Mapping[str, float]:
    """Return the samples of one series in Prometheus text: its labels as written, and the value."""
    lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return {line.rsplit(" ", 1)[0].removeprefix(name): float(line.rsplit(" ", 1)[1]) for line in lines}
