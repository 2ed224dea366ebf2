"""Services under attack, on servers of their own."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from bench.processes import ROOT
from bench.usage import memory_of
from devstack.health import is_serving
from devstack.ports import LOOPBACK, free_port
from devstack.postgres import EmbeddedPostgres
from devstack.process import Child
from devstack.valkey import EmbeddedValkey
from load_generator.usage import cpu_seconds
from shared.postgres.schema import migrate

SERVING_S = 60.0
STOP_S = 20.0
PREFIXES = {"challenge_service": "CHALLENGE", "event_handler": "EVENT"}
TAIL_LINES = 20
FULL_S = 0.2
"""Time in seconds during which a pipe must take no byte to count as full."""


class StallingLog:
    """A reader of a process's log that can stop reading, so that the pipe is full."""

    def __init__(self) -> None:
        self.lines = 0
        self._last: deque[str] = deque(maxlen=TAIL_LINES)
        self._reading = threading.Event()
        self._reading.set()
        self._write_end = -1

    def open(self) -> int:
        """Start reading, and return the descriptor to write to."""
        read_end, write_end = os.pipe()
        # A file description of its own: the process's writes stay blocking.
        self._write_end = os.open(f"/proc/self/fd/{write_end}", os.O_WRONLY | os.O_NONBLOCK)
        threading.Thread(target=self._read, args=(read_end,), name="log", daemon=True).start()
        return write_end

    def stall(self) -> None:
        """Stop reading and fill the pipe."""
        self._reading.clear()
        full_since = time.monotonic()
        while time.monotonic() - full_since < FULL_S:
            try:
                os.write(self._write_end, b"\n")
                full_since = time.monotonic()
            except BlockingIOError:
                time.sleep(FULL_S / 10)

    def resume(self) -> None:
        """Read again."""
        self._reading.set()

    def tail(self) -> str:
        """Return the last lines."""
        return "\n".join(tuple(self._last))

    def _read(self, read_end: int) -> None:
        with os.fdopen(read_end, errors="replace") as stream:
            for line in stream:
                if line.strip():
                    self.lines += 1
                    self._last.append(line.rstrip("\n"))
                self._reading.wait()


class Service(Child):
    """A service at its defaults on free ports."""

    def __init__(self, module: str, database_url: str, **settings: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.log = StallingLog()
        prefix = PREFIXES[module]
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "BIND_ADDRESS": LOOPBACK,
            "DATABASE_URL": database_url,
            f"{prefix}_PORT": str(self.port),
            f"{prefix}_METRICS_PORT": str(self.metrics_port),
            **settings,
        }
        command = [sys.executable, "-m", module]
        super().__init__(module, command, output=self.log, env=env, cwd=ROOT, grace_s=STOP_S)

    def serve(self) -> None:
        """Start and wait until the service takes calls. Raise `StartFailed` if it does not."""
        self.start()
        self.wait_until(lambda: is_serving(LOOPBACK, self.port), SERVING_S)

    @property
    def memory_mib(self) -> float:
        """The resident memory of the service in MiB; 0 if it has ended."""
        return memory_of(self.pid or 0).resident if self.is_running else 0.0

    @property
    def cpu_s(self) -> float:
        """The CPU time used so far in seconds."""
        return cpu_seconds(self.pid or 0)


class Stack:
    """Postgres and Valkey for all attacks, and services for one of them at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.valkey = EmbeddedValkey(folder / "valkey")
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.callback(self.postgres.remove)
        self.postgres.start()
        self._open.enter_context(self.valkey)
        migrate(self.postgres.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


class Services:
    """Both services for the length of a `with` block."""

    def __init__(self, stack: Stack, settings: dict[str, str]) -> None:
        defaults = {
            "REDIS_URL": stack.valkey.url,
            "CATALOGUE": str(ROOT / "catalogues" / "demo.yaml"),
            "REWARD_ITEM_PROVIDER": "log",
            "REWARD_WALLET_PROVIDER": "log",
        }
        self.folder = stack.folder
        self.challenge, self.event = (
            Service(module, stack.postgres.url, **{**defaults, **settings}) for module in PREFIXES
        )

    @property
    def both(self) -> tuple[Service, Service]:
        """The challenge service and the event handler."""
        return self.challenge, self.event

    def __enter__(self) -> Self:
        try:
            for service in self.both:
                service.serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for service in self.both:
            with suppress(ProcessLookupError):
                service.log.resume()
                service.stop()
