"""Log lines on their way to standard error: buffered, so that a reader that stalls never blocks whoever logs."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

BUFFER_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of lines that wait for the reader, some 20,000 lines. Any more are dropped and counted."""
FLUSH_S = 1.0
"""Time limit in seconds for the waiting lines when the process ends."""


class LogQueue(logging.Handler):
    """A handler whose lines a thread of its own writes to a file descriptor."""

    def __init__(self, descriptor: int, buffer_bytes_max: int = BUFFER_BYTES_MAX) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._buffer_bytes_max = buffer_bytes_max
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._unreported = 0
        self._closed = False
        self._changed = threading.Condition()
        self.on_drop: Callable[[], object] = lambda: None
        """Called for each dropped line; must not log."""
        threading.Thread(target=self._write_until_closed, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Buffer a record's line, or drop it if the buffer is full. Never waits for the reader."""
        try:
            line = self.format(record)
        except Exception as error:
            line = self.format(_unformatted(record, error))
        encoded = f"{line}\n".encode()
        with self._changed:
            if self._bytes + len(encoded) > self._buffer_bytes_max:
                self._unreported += 1
                dropped = True
            else:
                self._lines.append(encoded)
                self._bytes += len(encoded)
                self._changed.notify_all()
                dropped = False
        if dropped:
            self.on_drop()

    def flush(self) -> None:
        """Wait until everything is written, `FLUSH_S` at most."""
        deadline = time.monotonic() + FLUSH_S
        with self._changed:
            self._changed.wait_for(lambda: not self._bytes, deadline - time.monotonic())

    def close(self) -> None:
        """Write what waits, as far as the time limit allows, and end the thread."""
        self.flush()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        super().close()

    def _write_until_closed(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._closed)
                if not self._lines:
                    return
                line = self._lines.popleft()
                dropped, self._unreported = self._unreported, 0
            self._write(line)
            if dropped:
                self._write(f"{self.format(_dropped(dropped))}\n".encode())
            with self._changed:
                self._bytes -= len(line)
                self._changed.notify_all()

    def _write(self, line: bytes) -> None:
        # One write a line: processes that share the descriptor do not tear each other's lines.
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError:
                # The reader is gone; nothing can be said to it.
                return


def _dropped(count: int) -> logging.LogRecord:
    record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, "log lines were dropped", (), None)
    record.dropped = count
    return record


def _unformatted(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    try:
        message = f"log record could not be formatted: {record.msg!r}: {error!r}"
    except Exception:
        # The message has no text of its own either. Whoever logs must not fail.
        message = f"log record could not be formatted: {type(record.msg).__name__}: {type(error).__name__}"
    return logging.LogRecord(record.name, logging.ERROR, record.pathname, record.lineno, "%s", (message,), None)
