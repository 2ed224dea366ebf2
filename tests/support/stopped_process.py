"""Embedded servers that stop responding, without being gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from devstack.server import EmbeddedServer


@contextmanager
def paused(server: EmbeddedServer) -> Iterator[None]:
    """Let the process of a server stand still while the block runs."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)
