"""Reading of the files at a path into parsed documents."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from shared.catalogue.bounds import FILE_BYTES_MAX, FILES_MAX, VALUES_MAX
from shared.catalogue.document import Document, Unparsable
from shared.catalogue.folder import list_folder
from shared.catalogue.json_document import parse_json
from shared.catalogue.problem import Problem
from shared.catalogue.yaml_document import parse_yaml


@dataclass
class _Allowance:
    """The part of the bounds that is left for the files still to be read."""

    content_bytes: int
    values: int


def read(path: Path, *, pipe_allowed: bool = False) -> Iterator[Document | Problem]:
    """Yield the document of each file of the catalogue at `path`, or the problem that keeps it from being read.

    A folder means its YAML and JSON files sorted by name, without hidden ones and without subfolders. Only regular
    files are read: a named pipe would block, a device would never end. `pipe_allowed` makes an exception for a `path`
    that is a pipe, for a person who waits for it. Only a name that ends in `.json` is parsed as JSON.
    """
    allowance = _Allowance(FILE_BYTES_MAX, VALUES_MAX)
    if not os.path.isdir(path):  # unlike Path.is_dir it does not raise; opening the file reports what is wrong
        yield _read_file(path, allowance, pipe_allowed=pipe_allowed)
        return
    try:
        listing = list_folder(path)
    except OSError as error:
        yield Problem("", f"cannot be read: {error.strerror}", str(path))
        return
    if not listing.is_complete or len(listing.files) > FILES_MAX:
        yield Problem("", f"the folder has too many files: a catalogue can have at most {FILES_MAX:,}", str(path))
        return
    if not listing.files:
        yield Problem("", "the folder has no .yaml, .yml or .json file", str(path))
    for file in listing.files:
        yield _read_file(file, allowance)


def ignored_entries(path: Path) -> Iterator[Problem]:
    """Yield a warning for each entry of a catalogue folder that is ignored but may have been meant as a part of it."""
    try:
        listing = list_folder(path)
    except OSError:  # not a folder, or not any more
        return
    for ignored in listing.ignored:
        if os.path.isdir(ignored):
            yield Problem("", "is ignored: files in subfolders are not read", str(ignored))
        else:
            yield Problem("", "is ignored: its name does not end in .yaml, .yml or .json (lower case)", str(ignored))


def _read_file(path: Path, allowance: _Allowance, *, pipe_allowed: bool = False) -> Document | Problem:
    file = str(path)
    try:
        content = _content(path, allowance.content_bytes + 1, pipe_allowed=pipe_allowed)
    except OSError as error:
        return Problem("", f"cannot be read: {error.strerror}", file)
    if content is None:
        return Problem("", "is not a regular file", file)
    if len(content) > allowance.content_bytes:
        return Problem("", f"is too large: the files of a catalogue can have {FILE_BYTES_MAX // 1024**2} MiB", file)
    allowance.content_bytes -= len(content)
    try:
        text = content.decode("utf-8-sig")
        parse = parse_json if path.suffix == ".json" else parse_yaml
        document = parse(text, allowance.values)
    except UnicodeDecodeError as error:
        return Problem("", "is not UTF-8", file, content.count(b"\n", 0, error.start) + 1)
    except Unparsable as error:
        return Problem("", error.message, file, error.line)
    allowance.values -= document.values
    if document.value is None:
        return Problem("", "is empty", file)
    return replace(document, file=file)


def _content(path: Path, bytes_max: int, *, pipe_allowed: bool) -> bytes | None:
    """Return the beginning of the file; None if it is not a file of an allowed kind."""
    if not _is_allowed(os.stat(path), pipe_allowed=pipe_allowed):
        return None
    # Without O_NONBLOCK, opening would block if the file has just been replaced by a pipe.
    flags = os.O_RDONLY | os.O_CLOEXEC | (0 if pipe_allowed else os.O_NONBLOCK)
    with open(os.open(path, flags), "rb") as opened:
        return opened.read(bytes_max) if _is_allowed(os.fstat(opened.fileno()), pipe_allowed=pipe_allowed) else None


def _is_allowed(status: os.stat_result, *, pipe_allowed: bool) -> bool:
    return stat.S_ISREG(status.st_mode) or (pipe_allowed and stat.S_ISFIFO(status.st_mode))
