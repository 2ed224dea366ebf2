"""A catalogue's files, and whether they have changed.

They are looked at, not listened to: asking the file system for names, sizes and times works on every mount, and costs
less than 0.1 ms a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from shared.catalogue.loader import load
from shared.catalogue.reading import files_in
from shared.domain.catalogue import Catalogue

_Look: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""Of each file its name, inode, size and time of change in nanoseconds."""


class CatalogueOnDisk:
    """The file or folder at one path. For one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: _Look = ()
        self._loaded: _Look | None = None

    def load(self) -> Catalogue:
        """The catalogue as it lies there now; raises `CatalogueInvalid` with all problems."""
        # Looked at before it is read: what is written meanwhile will look different.
        self._loaded = self._seen = _look(self.path)
        return load(self.path)

    def has_changed(self) -> bool:
        """Whether the files are others than those that were loaded, and no others than at the look before.

        Editors and copies write in several steps, and a file that is cut off between two goals is a good catalogue
        without the rest. So what looked different a moment ago is left alone until the next look.
        """
        before, self._seen = self._seen, _look(self.path)
        return self._seen == before and self._seen != self._loaded


def _look(path: Path) -> _Look:
    return tuple(_looks(path))


def _looks(path: Path) -> Iterator[tuple[str, int, int, int]]:
    """What can be seen of the files at the path. What cannot is left out: loading will say why."""
    try:
        files = files_in(path)
    except OSError:
        files = [path]
    for file in files:
        with suppress(OSError):
            status = os.stat(file)
            yield file.name, status.st_ino, status.st_size, status.st_mtime_ns
