"""The connection between a worker and its parent process: a socket pair on the worker's standard input.

The parent sends the worker's index once, and the worker the port of its metrics. When the connection ends, the parent
is gone, however it ended, and the worker stops as after SIGTERM. One that has not finished its start is killed: nothing
waits for signals yet, and a start that hangs never would. This works on every operating system.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.runtime.signals import ask_to_stop

log = logging.getLogger(__name__)

START_GRACE_S = 1.0
"""Seconds that a worker has to finish its start after its parent has died. It may be accepting its first calls already:
the start ends milliseconds after that."""


class ParentLink:
    """The worker's end."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=os.dup(sys.stdin.fileno()))
        self._dies_with_parent = False
        self._started = threading.Event()

    def wait_for_index(self) -> int | None:
        """Wait for the parent to assign this process its index, and return it; None if the parent ended before.

        From then on this process stops when the parent ends.
        """
        if not select.select([self._socket], [], [], 0)[0]:
            log.info("standing by to replace a worker")
        line = _read_line(self._socket)
        if line is None:
            return None
        threading.Thread(target=self._watch, name="parent link", daemon=True).start()
        return int(line)

    def tell_metrics_port(self, port: int) -> None:
        """Tell the parent that this worker has started, and the port of its metrics on the loopback interface."""
        self._started.set()
        # A parent that has died meanwhile asks to stop by that.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(b"%d\n" % port)

    def die_with_parent(self) -> None:
        """Let the death of the parent kill this process from now on: it was asked to stop, then its parent died.

        Further signals do nothing. Where a whole group of processes is asked to stop, a worker is asked twice: with its
        group and by its parent.
        """
        self._dies_with_parent = True

    def _watch(self) -> None:
        # The parent sends nothing more. A parent that died before it read our line resets the connection.
        with contextlib.suppress(ConnectionResetError):
            self._socket.recv(1)
        if self._dies_with_parent:
            os.kill(os.getpid(), signal.SIGKILL)
        ask_to_stop()
        if not self._started.wait(START_GRACE_S):
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Worker:
    """One of several worker processes: its index, and its connection to the parent."""

    index: int
    parent: ParentLink


class WorkerLink:
    """The parent's end, and the worker process."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as on_failure:
            on_failure.callback(self._socket.close)
            # The worker has its own session: Ctrl-C in a terminal is for the parent, which then stops its workers.
            self.process = subprocess.Popen(command, stdin=theirs.fileno(), env=dict(environ), start_new_session=True)
            on_failure.pop_all()

    def tell_index(self, worker: int) -> None:
        """Send the process its index. If it has ended, waiting for it shows that."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(b"%d\n" % worker)

    def read_metrics_port(self) -> int | None:
        """Wait for the port of the worker's metrics, and return it; None if the worker ended before."""
        line = _read_line(self._socket)
        return int(line) if line is not None else None

    def close(self) -> None:
        """Close the connection. Only for a worker that has ended: a running one would stop."""
        self._socket.close()


def _read_line(link: socket.socket) -> bytes | None:
    """Return the one line that is sent; None if the other end closes before."""
    line = b""
    while not line.endswith(b"\n"):
        with contextlib.suppress(ConnectionResetError):
            if received := link.recv(16):
                line += received
                continue
        return None
    return line
