"""Destinations of a child's output: a log file, or line by line the terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

TAIL_LINES = 20
"""Lines of output quoted by an error: enough for a traceback, few enough to read."""


class Output(Protocol):
    """Receives a child's stdout and stderr."""

    def open(self) -> int:
        """Return a file descriptor for the child to write to; the caller closes it once the child has its copy."""

    def tail(self) -> str:
        """Return the last lines that the child wrote."""


class LogFile:
    """A file that outlives the supervisor. Each start begins a new one and keeps the previous as `*.previous`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> int:
        """Start a new log."""
        if self.path.exists():
            self.path.replace(self.path.with_name(f"{self.path.name}.previous"))
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def tail(self) -> str:
        """Return the last lines of the log; empty if there is none yet."""
        if not self.path.exists():
            return ""
        return "\n".join(self.path.read_text(errors="replace").splitlines()[-TAIL_LINES:])


class Lines:
    """Passes each line to `on_line`, in a thread of its own, and keeps the last ones."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._last: deque[str] = deque(maxlen=TAIL_LINES)
        self._reader: threading.Thread | None = None

    def open(self) -> int:
        """Start reading."""
        read_end, write_end = os.pipe()
        self._reader = threading.Thread(target=self._read, args=(read_end,), name="output", daemon=True)
        self._reader.start()
        return write_end

    def _read(self, read_end: int) -> None:
        with os.fdopen(read_end, errors="replace") as stream:
            for line in stream:
                self._last.append(line.rstrip("\n"))
                self._on_line(self._last[-1])

    def tail(self) -> str:
        """Return the last lines, including the very last one if the child has ended."""
        if self._reader is not None:
            # Wait for the end of the output, but not for long: a grandchild may still hold the pipe open.
            self._reader.join(timeout=1)
        return "\n".join(tuple(self._last))


def prefixed(name: str, colour: int) -> Callable[[str], None]:
    """Return a function that prints lines after `name`, on a terminal in an ANSI foreground colour (31 to 36)."""
    prefix = f"{name} | "
    if sys.stdout.isatty():
        prefix = f"\x1b[{colour}m{prefix}\x1b[0m"

    def write(line: str) -> None:
        # Without a reader any more, the child must not block.
        with suppress(BrokenPipeError):
            # One write per line, so that lines of several children do not mix.
            sys.stdout.write(f"{prefix}{line}\n")
            sys.stdout.flush()

    return write
