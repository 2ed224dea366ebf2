"""The files of a catalogue folder, and the entries that are ignored."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from shared.catalogue.bounds import ENTRIES_MAX

_SUFFIXES = {".yaml", ".yml", ".json"}
_MEANT_AS_CATALOGUE = re.compile(r"\.(ya?ml|json)", re.IGNORECASE)


class Listing(NamedTuple):
    """The entries of a folder."""

    files: tuple[Path, ...]
    """The files of the catalogue, sorted by name, which is the order in which they are combined."""
    ignored: tuple[Path, ...] = ()
    """Subfolders, and files whose names resemble those of catalogue files."""
    is_complete: bool = True
    """False if the folder has more than `ENTRIES_MAX` entries, of which only some are listed."""


def list_folder(folder: Path) -> Listing:
    """Return the entries of a folder without hidden ones, which editors and mounts leave; raise OSError."""
    files, ignored = [], []
    with os.scandir(folder) as entries:
        listed = list(islice(entries, ENTRIES_MAX + 1))
    for entry in sorted(listed[:ENTRIES_MAX], key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if Path(entry.name).suffix in _SUFFIXES:
            files.append(folder / entry.name)
        elif _MEANT_AS_CATALOGUE.search(entry.name) or os.path.isdir(entry.path):
            ignored.append(folder / entry.name)
    return Listing(tuple(files), tuple(ignored), len(listed) <= ENTRIES_MAX)
