"""The catalogue's files on disk, and detection of changes.

Files are polled, not watched: names, sizes and modification times are available on every mount and cost less than
0.1 ms per file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from shared.catalogue.folder import list_folder
from shared.catalogue.problem import Problem
from shared.catalogue.transfer import Loaded
from shared.domain.catalogue import Catalogue

_Snapshot: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""Name, inode, size and modification time in nanoseconds of each file."""


class CatalogueOnDisk:
    """The file or folder at one path. Not thread-safe."""

    def __init__(self, path: Path, load: Callable[[Path], Loaded]) -> None:
        """`load` returns the catalogue at a path; it raises `CatalogueInvalid`."""
        self.path = path
        self._load = load
        self.warnings: tuple[Problem, ...] = ()
        """Warnings about the catalogue that was loaded last, for its author."""
        self._seen: _Snapshot = ()
        self._loaded: _Snapshot | None = None

    def load(self) -> Catalogue:
        """Return the catalogue as it is on disk now; raise `CatalogueInvalid` with all problems."""
        # Polled before reading, so that a file written meanwhile counts as changed.
        self._loaded = self._seen = _snapshot(self.path)
        catalogue, self.warnings = self._load(self.path)
        return catalogue

    def has_changed(self) -> bool:
        """Return True if the files differ from the loaded ones and have not changed since the previous poll.

        Editors and copies write in several steps, and a file cut off between two goals is a valid catalogue without
        the rest. So files are loaded only once two polls in a row see the same.
        """
        before, self._seen = self._seen, _snapshot(self.path)
        return self._seen == before and self._seen != self._loaded


def _snapshot(path: Path) -> _Snapshot:
    return tuple(_file_properties(path))


def _file_properties(path: Path) -> Iterator[tuple[str, int, int, int]]:
    """Yield the visible properties of the files at the path. Unreadable ones are left out; loading reports them."""
    try:
        files: Iterable[Path] = list_folder(path).files
    except OSError:
        files = [path]
    for file in files:
        with suppress(OSError):
            status = os.stat(file)
            yield file.name, status.st_ino, status.st_size, status.st_mtime_ns
