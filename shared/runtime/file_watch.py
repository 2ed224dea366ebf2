"""Small files that are followed while the process runs: certificates, keys, and the callers.

Contents are compared, not times: the files are small, and a mount may show any time. A change is taken once two checks
in a row have found the same, because a certificate and its key are written one after the other. What cannot be used is
refused and logged, and the last good contents stay in use.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from shared.runtime.start_refused import StartRefused

log = logging.getLogger(__name__)

T = TypeVar("T")

FILE_BYTES_MAX = 1024 * 1024
"""Maximum size of a file. A list of all public authorities has a quarter of it."""

CHECK_INTERVAL_S = 1.0
"""Interval in seconds between two checks."""


class FileRefused(Exception):
    """A file cannot be used; the message is the reason and repeats nothing that may be secret."""


class FileWatch(Generic[T]):
    """Files and what they were loaded as. `check` is the pass of a duty; all other methods are thread-safe."""

    def __init__(self, name: str, paths: Sequence[Path], load: Callable[[Sequence[bytes]], T]) -> None:
        """Load the files, which logs call `name`. Raise `StartRefused` with the reason if they cannot be used.

        `load` gets the contents in the order of `paths`, and raises `FileRefused`.
        """
        self.name = name
        self.refused: str | None = None
        """Why the files as they are now are not in use; None if they are."""
        self._paths = tuple(paths)
        self._load = load
        self._reload_requested = threading.Event()
        self._changed: list[Callable[[T], object]] = []
        try:
            contents = read_all(self._paths)
            self.current = load(contents)
        except FileRefused as refusal:
            raise StartRefused(f"{name}: {refusal}") from None
        # Each is the contents of the files, or why they could not be read.
        self._in_use: tuple[bytes, ...] | str = contents
        self._seen: tuple[bytes, ...] | str = contents
        self._judged: tuple[bytes, ...] | str = contents

    def on_change(self, changed: Callable[[T], object]) -> None:
        """Call `changed` with each later version, after it has become the current one, in the thread that checks."""
        self._changed.append(changed)

    def reload(self) -> None:
        """Request that the next check takes the files as they are, whether or not the last one has seen the same."""
        self._reload_requested.set()

    def check(self) -> None:
        """Take the files into use if they can be used and two checks in a row found the same change.

        A requested reload is done at the first check, and repeats a refusal although nothing has changed.
        """
        before = self._seen
        found: tuple[bytes, ...] | str
        try:
            found = read_all(self._paths)
        except FileRefused as refusal:
            found = str(refusal)
        self._seen = found
        requested = self._reload_requested.is_set()
        self._reload_requested.clear()
        if found == self._judged and not requested:
            return
        if found == before or requested:
            self._judge(found)

    def _judge(self, found: tuple[bytes, ...] | str) -> None:
        self._judged = found
        if found == self._in_use:
            self.refused = None
            return
        try:
            if isinstance(found, str):
                raise FileRefused(found)
            loaded = self._load(found)
        except FileRefused as refusal:
            self.refused = str(refusal)
            log.error(
                "files refused: the last good ones stay in use", extra={"files": self.name, "reason": str(refusal)}
            )
            return
        self.current, self._in_use, self.refused = loaded, found, None
        log.info("files in use", extra={"files": self.name})
        for changed in self._changed:
            changed(loaded)


def read_all(paths: Sequence[Path]) -> tuple[bytes, ...]:
    """Return the contents of files. Raise `FileRefused` for one that is missing, too large, or no regular file."""
    return tuple(read_small(path) for path in paths)


def read_small(path: Path) -> bytes:
    """Return the contents of one file. Raise `FileRefused` if it is missing, too large, or no regular file."""
    try:
        # A FIFO would keep a plain `open` waiting for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileRefused(f"{path} is not a regular file")
            contents = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}") from None
    if len(contents) > FILE_BYTES_MAX:
        raise FileRefused(f"{path} has more than {FILE_BYTES_MAX // 1024} KiB")
    return contents
