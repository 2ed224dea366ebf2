"""Loading of a catalogue in a process of its own, which ends afterwards.

What reads and checks catalogues is a sixth of a service's memory, and is needed for a moment at the start and after a
change. In a process of its own it takes no memory that stays, another core does it while the service imports the rest,
and calls do not wait while a changed catalogue is read. The service still unpickles it and encodes its goals.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from shared.catalogue.problem import CatalogueInvalid, CatalogueUnread, Problem

if TYPE_CHECKING:
    from shared.catalogue.transfer import Loaded

COMMAND = (sys.executable, "-m", "shared.catalogue.loading_process")

LOAD_TIMEOUT_S = 60.0
"""Time limit of one loading. The largest catalogue takes some seconds, storage that does not respond for ever."""

_prepared: list[subprocess.Popen[bytes]] = []
"""The process of the next loading, if one was prepared."""


def prepare() -> None:
    """Start the process of the next loading, which imports what it needs and then waits for the path."""
    # The loading will report what keeps a process from starting.
    with suppress(OSError):
        _prepared.append(_started())


def load(path: Path) -> Loaded:
    """Return the catalogue at `path`. Raise `CatalogueInvalid`, and `CatalogueUnread` if the process fails."""
    # Its imports would delay `prepare`.
    from shared.catalogue.transfer import from_bytes

    try:
        content = _result(_next(), path)
    except _LoadingFailed as failed:
        raise CatalogueUnread([Problem("", f"cannot be loaded: {failed}", str(path))]) from None
    except OSError as error:
        problem = f"cannot be loaded, because no process can be started: {error.strerror}"
        raise CatalogueUnread([Problem("", problem, str(path))]) from None
    found = from_bytes(content)
    if isinstance(found, CatalogueInvalid):
        raise found
    return found


def discard_prepared() -> None:
    """Let a process that was prepared end: it is not needed."""
    while _prepared:
        _prepared.pop().communicate()


class _LoadingFailed(Exception):
    """A process ended without a result; the message says why."""


def _next() -> subprocess.Popen[bytes]:
    """Return the process of this loading: the prepared one, unless it has died while it waited."""
    if _prepared:
        process = _prepared.pop()
        if process.poll() is None:
            return process
        process.communicate()
    return _started()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _result(process: subprocess.Popen[bytes], path: Path) -> bytes:
    """Return the output of a process for the catalogue at `path`."""
    try:
        content, errors = process.communicate(os.fsencode(path), LOAD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise _LoadingFailed(f"it took longer than {LOAD_TIMEOUT_S:g} s") from None
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise _LoadingFailed(f"its process was ended by {name}, as when memory runs out")
    if process.returncode > 0 or not content:
        _, _, last_line = errors.decode(errors="replace").strip().rpartition("\n")
        raise _LoadingFailed(last_line or f"its process ended with {process.returncode}")
    return content
