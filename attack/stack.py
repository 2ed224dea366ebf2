"""Services under attack, on servers of their own, and what is observed of them."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from challenge.v1 import event_service_pb2 as event_rpc

from bench.machine import memory_of
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER, ROOT, START_S, ServerProcess, environment
from devstack.health import is_serving
from devstack.output import Lines
from devstack.ports import LOOPBACK
from devstack.postgres import EmbeddedPostgres
from devstack.valkey import EmbeddedValkey
from load_generator.usage import cpu_seconds
from shared.postgres.schema import migrate

FULL_S = 0.2
"""Time in seconds during which a pipe must take no byte to count as full."""


class StallingLog(Lines):
    """A reader of a process's log that can stop reading, so that the pipe is full."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        super().__init__(self._take)
        self.lines = 0
        self._pass_on = on_line
        self._reading = threading.Event()
        self._reading.set()
        self._write_end = -1

    def open(self) -> int:
        """Start reading, and return the descriptor to write to."""
        write_end = super().open()
        # A file description of its own: the process's writes stay blocking.
        self._write_end = os.open(f"/proc/self/fd/{write_end}", os.O_WRONLY | os.O_NONBLOCK)
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

    def _take(self, line: str) -> None:
        if line:
            self.lines += 1
            self._pass_on(line)
        self._reading.wait()


class Service(ServerProcess):
    """A service at its defaults on free ports."""

    def __init__(self, module: str, database_url: str, **settings: str) -> None:
        self.log = StallingLog(self._read)
        super().__init__(module, env=environment(module, database_url, **settings), output=self.log)

    def serve(self) -> None:
        """Start and wait until the service takes calls. Raise `StartFailed` if it does not."""
        super().serve()
        self.wait_until(lambda: is_serving(LOOPBACK, self.port), START_S)

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
        self.challenge, self.event = self.both = [
            Service(module, stack.postgres.url, **{**defaults, **settings})
            for module in (CHALLENGE_SERVICE, EVENT_HANDLER)
        ]

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


POLL_S = 0.05


@dataclass
class Observed:
    """Observations of an attack, and the bounds they must keep."""

    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Broken bounds."""

    def bound(self, name: str, value: float, at_most: float) -> None:
        """Note a value, and a fault if it exceeds its bound."""
        self.notes.append(f"{name}: {value:,.1f} (at most {at_most:,.0f})")
        if value > at_most:
            self.faults.append(f"{name} is {value:,.1f}, more than {at_most:,.0f}")


Attack = Callable[[Services, Observed], AbstractContextManager[None]]
"""Attacks services while its block runs, and notes what it observes."""


def login_event() -> event_rpc.Event:
    """Return a login of a new player."""
    event = event_rpc.Event(event_id=str(uuid.uuid4()), user_id=str(uuid.uuid4()), logged_in=event_rpc.LoggedIn())
    event.event_time.GetCurrentTime()
    return event


@contextmanager
def in_threads(*works: Callable[[threading.Event], object]) -> Iterator[None]:
    """Run each work in a thread of its own, until the event that it is given is set, at the end of the block."""
    stopping = threading.Event()
    with ThreadPoolExecutor(len(works)) as pool:
        for work in works:
            pool.submit(work, stopping)
        try:
            yield
        finally:
            stopping.set()


def comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether the condition comes true within some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
