"""Logs: one JSON object a line on standard error.

Written with the standard library's loggers; `extra={"port": 50051}` adds fields. Player ids belong in the field
`user_id`, which is only shown at level DEBUG: logs live longer and travel further than the data that they describe.

Lines are buffered on their way, so that a reader that stalls never blocks whoever logs.
"""

from __future__ import annotations

import json
import logging
import math
import os
import select
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import shared.runtime.quiet_grpc  # noqa: F401 - for processes that have not imported gRPC yet
from shared.runtime.secret import masked

_uncaught = logging.getLogger("uncaught")

PERSONAL_FIELDS = frozenset({"user_id"})
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object.

    Its fields are time (RFC 3339, UTC, microseconds), level, logger, message, pid, worker, the ids of trace and span,
    the extra fields, and the traceback under `exception`. Secrets in messages and tracebacks are masked. An extra field
    does not replace one of the others.
    """

    def __init__(self, *, worker: int | None, personal: bool, hide: Callable[[str], str] = masked) -> None:
        """`hide` masks secrets in texts, which may come from libraries."""
        super().__init__()
        self.trace_ids: Callable[[], Mapping[str, str]] = dict
        """Returns the ids of trace and span of the call that this thread works for, where calls are traced."""
        self._hide = hide
        self._worker = worker
        self._left_out = _STANDARD_FIELDS if personal else _STANDARD_FIELDS | PERSONAL_FIELDS

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON, without the newline."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._hide(record.getMessage()),
            "pid": record.process,
        }
        if self._worker is not None:
            line["worker"] = self._worker
        line |= self.trace_ids()
        for name, value in vars(record).items():
            if name not in self._left_out:
                line.setdefault(name, self._shown(value))
        if record.exc_info:
            line["exception"] = self._hide(self.formatException(record.exc_info))
        # ASCII only: a lone surrogate in a message must not break the line that reports it.
        return json.dumps(line, default=str)

    def _shown(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict):
            return {name: self._shown(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._shown(part) for part in value]
        return self._hide(str(value))


class RateLimit(logging.Filter):
    """Passes one record of each message and level in an interval, with the number of those suppressed before it."""

    def __init__(self, interval_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._interval_s = interval_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._passed: dict[tuple[int, str], float] = {}
        self._suppressed: Counter[tuple[int, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record passes."""
        key, now = (record.levelno, str(record.msg)), self._monotonic()
        with self._lock:
            if now - self._passed.get(key, -math.inf) < self._interval_s:
                self._suppressed[key] += 1
                return False
            self._passed[key] = now
            suppressed = self._suppressed.pop(key, 0)
        if suppressed:
            record.suppressed = suppressed
        return True


def log_to_stderr(level: str, *, worker: int | None = None, hide: Callable[[str], str] = masked) -> LogQueue:
    """Send all logs of the process from `level` up to standard error; `worker` is the index among several.

    `hide` masks secrets.

    Python's warnings, and exceptions that nothing catches in any thread, become lines like all others. gRPC's core is
    silenced unless GRPC_VERBOSITY asks for it (`shared.runtime.quiet_grpc`).
    """
    queue = LogQueue(sys.stderr.fileno())
    queue.setFormatter(JsonFormatter(worker=worker, personal=level == "DEBUG", hide=hide))
    logging.basicConfig(level=level, handlers=[queue], force=True)
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: _uncaught.critical("uncaught", exc_info=(kind, error, trace))
    threading.excepthook = lambda uncaught: _uncaught.critical("uncaught in a thread", exc_info=uncaught.exc_value)
    return queue


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

    def name_traces(self, ids: Callable[[], Mapping[str, str]]) -> None:
        """Add the ids of trace and span to lines from now on; `ids` returns those of the thread that calls it."""
        if isinstance(self.formatter, JsonFormatter):
            self.formatter.trace_ids = ids

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
