"""Reading of the files at a path into parsed documents."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from shared.catalogue.document import Document, Unparsable
from shared.catalogue.json_document import parse_json
from shared.catalogue.problem import Problem
from shared.catalogue.yaml_document import parse_yaml

FILE_BYTES_MAX = 16 * 1024 * 1024
"""Maximum size of a file in bytes: more than 10,000 goals with long descriptions. A larger file is a mistake."""

_SUFFIXES = {".yaml", ".yml", ".json"}


def read(path: Path) -> Iterator[Document | Problem]:
    """Yield the document of each file of the catalogue at `path`, or the problem that keeps it from being read.

    A folder means its YAML and JSON files sorted by name, without hidden ones (editors and mounts leave some) and
    without subfolders. A path that is not a folder is read whatever it is, so a pipe can be checked; only a name that
    ends in `.json` is parsed as JSON.
    """
    if not os.path.isdir(path):  # unlike Path.is_dir it does not raise; opening the file reports what is wrong
        yield _read_file(path)
        return
    try:
        found = files_in(path)
    except OSError as error:
        yield Problem("", f"cannot be read: {error.strerror}", str(path))
        return
    if not found:
        yield Problem("", "the folder has no .yaml, .yml or .json file", str(path))
    for file in found:
        yield _read_file(file) if os.path.isfile(file) else Problem("", "is not a file", str(file))


def files_in(folder: Path) -> list[Path]:
    """Return the files of the catalogue in a folder, in the order in which they are combined."""
    return sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES and not file.name.startswith("."))


def _read_file(path: Path) -> Document | Problem:
    file = str(path)
    try:
        with path.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        return Problem("", f"cannot be read: {error.strerror}", file)
    if len(content) > FILE_BYTES_MAX:
        return Problem("", f"is larger than {FILE_BYTES_MAX // 1024**2} MiB", file)
    try:
        text = content.decode("utf-8-sig")
        document = parse_json(text) if path.suffix == ".json" else parse_yaml(text)
    except UnicodeDecodeError as error:
        return Problem("", "is not UTF-8", file, content.count(b"\n", 0, error.start) + 1)
    except Unparsable as error:
        return Problem("", error.message, file, error.line)
    if document.value is None:
        return Problem("", "is empty", file)
    return replace(document, file=file)
