"""The line between a worker and the process that started it: a socket pair on the worker's standard input.

The parent says once which worker the process is to be, and the worker where its metrics are. When the line ends the
parent is gone, however it ended, and the worker stops as if it had got SIGTERM: this needs nothing of the operating
system that only some have.
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

from shared.runtime.signals import ask_to_stop

log = logging.getLogger(__name__)


class ParentLink:
    """The worker's end."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=os.dup(sys.stdin.fileno()))
        self._its_end_kills = False

    def wait_for_index(self) -> int | None:
        """Waits until the parent says which worker this process is to be; None if the parent ended before.

        From then on the parent's end ends this process as well.
        """
        if not select.select([self._socket], [], [], 0)[0]:
            log.info("standing by to replace a worker")
        line = _read_line(self._socket)
        if line is None:
            return None
        threading.Thread(target=self._watch, name="parent link", daemon=True).start()
        return int(line)

    def tell_metrics_port(self, port: int) -> None:
        """Says where this worker's metrics are read, on the loopback interface."""
        self._socket.sendall(b"%d\n" % port)

    def let_its_end_kill(self) -> None:
        """From here on the parent's end kills this process at once: it was asked to stop, and then its parent died.

        Further signals do nothing: where a whole group of processes is asked to stop, a worker is asked twice, by
        whoever asks the group and by its parent.
        """
        self._its_end_kills = True

    def _watch(self) -> None:
        # The parent sends nothing more; a parent that died before it read our line resets the connection.
        with contextlib.suppress(ConnectionResetError):
            self._socket.recv(1)
        if self._its_end_kills:
            os.kill(os.getpid(), signal.SIGKILL)
        ask_to_stop()


class WorkerLink:
    """The parent's end, and the process at the other."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C in a terminal is for the parent, which then stops its workers.
            self.process = subprocess.Popen(command, stdin=theirs.fileno(), env=dict(environ), start_new_session=True)

    def tell_index(self, worker: int) -> None:
        """Says which worker the process is to be. If it has ended, that is seen by waiting for it."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(b"%d\n" % worker)

    def read_metrics_port(self) -> int | None:
        """Waits until the worker says where its metrics are; None if it ended before."""
        line = _read_line(self._socket)
        return int(line) if line is not None else None

    def close(self) -> None:
        """Ends the line. Only for a worker that has ended: one that lives would stop."""
        self._socket.close()


def _read_line(link: socket.socket) -> bytes | None:
    """The one line that comes; None if the other end is closed before."""
    line = b""
    while not line.endswith(b"\n"):
        with contextlib.suppress(ConnectionResetError):
            if received := link.recv(16):
                line += received
                continue
        return None
    return line
