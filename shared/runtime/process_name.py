"""Unique names of processes, from which another process can tell that one has ended."""

from __future__ import annotations

import os
import re
import secrets
import socket
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

_NAME = re.compile(r".*:(?P<pid>\d+)@(?P<scope>[0-9a-f]+)\.[0-9a-f]+", re.DOTALL)
_SCOPE_SOURCES = ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid")
"""The machine's current boot, and the namespace of process ids: containers have their own."""


class ProcessName:
    """The name of one process: its host and id for people, and a part that makes it unique for ever."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._scope = _scope()
        self._name = f"{socket.gethostname()}:{self._pid}@{self._scope}.{secrets.token_hex(4)}"

    def __str__(self) -> str:
        return self._name

    def knows_to_be_gone(self, name: str) -> bool:
        """Return whether the process of this name is known to have ended.

        False where that cannot be known: on another machine, in another container.
        """
        parsed = _NAME.fullmatch(name)
        if parsed is None or name == self._name or parsed["scope"] != self._scope:
            return False
        pid = int(parsed["pid"])
        return pid == self._pid or not _exists(pid)


def _scope() -> str:
    found = []
    for source in _SCOPE_SOURCES:
        # If these do not exist, the host's name alone tells machines apart.
        with suppress(OSError):
            found.append(os.readlink(source) if "/ns/" in source else Path(source).read_text())
    return blake2b("".join([socket.gethostname(), *found]).encode(), digest_size=4).hexdigest()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
