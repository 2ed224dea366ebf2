"""The files of `python -m admin player erase`: the ids of players to erase, and the list of those who were erased."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import click

from admin import arguments
from admin.opening import stop
from shared.domain.erasure import Listed, key_hash, line_of, read_line

IDS_MAX = 100_000
"""Bound of the ids of one run, which takes some hours then."""


def read_ids(file: TextIO) -> list[str]:
    """Return the ids of a file, one a line. May end the command, before anything is erased."""
    check = arguments.identifier()
    found: list[str] = []
    for number, line in enumerate(file, 1):
        text = line.removesuffix("\n").removesuffix("\r")
        if not text:
            continue
        try:
            found.append(check(text))
        except click.BadParameter as problem:
            stop(f"line {number} {problem.message}")
        if len(found) > IDS_MAX:
            stop(f"there are more than {IDS_MAX:,} ids: split the file")
    return found


def append(path: Path, listed: Listed) -> None:
    """Append an erased player to a list, and wait for the disk. May end the command."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line_of(listed) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        stop(f"not erased: the list cannot be written: {error.strerror}")


def read_list(path: Path, key: bytes) -> Mapping[str, str]:
    """Return the pseudonyms of a list of erased players by their hashes. May end the command.

    It does so if a line was written under another key, by which no player would be found.
    """
    expected = key_hash(key)
    found: dict[str, str] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            try:
                listed = read_line(line)
            except ValueError as problem:
                stop(f"line {number} {problem}")
            if listed.key_hash not in (None, expected):
                stop(
                    f"line {number} was written under another ERASE_LIST_KEY than this",
                    "keep the lines of each key in a file of their own, and give it with its key",
                )
            found[listed.player_hash] = listed.pseudonym
    return found
