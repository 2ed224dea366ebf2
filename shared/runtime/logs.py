"""Logs: one JSON object a line on standard error.

Written with the standard library's loggers; `extra={"port": 50051}` adds fields. Player ids belong in the field
`user_id`, which is only shown at level DEBUG: logs live longer and travel further than the data that they describe.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from shared.runtime.log_queue import LogQueue
from shared.runtime.secret import masked

_uncaught = logging.getLogger("uncaught")

PERSONAL_FIELDS = frozenset({"user_id"})
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object.

    Its fields are time (RFC 3339, UTC, microseconds), level, logger, message, pid, worker, the extra fields, and the
    traceback under `exception`.
    """

    def __init__(self, *, worker: int | None, personal: bool, hide: Callable[[str], str] = masked) -> None:
        """`hide` masks secrets in texts, which may come from libraries."""
        super().__init__()
        self._hide = hide
        self._worker = worker
        self._left_out = _STANDARD_FIELDS if personal else _STANDARD_FIELDS | PERSONAL_FIELDS

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its end."""
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

    Python's warnings, and exceptions that nothing catches in any thread, become lines like all others. gRPC's core
    writes to standard error by itself, in a form of its own, and waits for a reader that stalls: it is silenced unless
    GRPC_VERBOSITY asks for it.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    queue = LogQueue(sys.stderr.fileno())
    queue.setFormatter(JsonFormatter(worker=worker, personal=level == "DEBUG", hide=hide))
    logging.basicConfig(level=level, handlers=[queue], force=True)
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: _uncaught.critical("uncaught", exc_info=(kind, error, trace))
    threading.excepthook = lambda uncaught: _uncaught.critical("uncaught in a thread", exc_info=uncaught.exc_value)
    return queue
