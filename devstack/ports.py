"""Loopback ports for the embedded servers."""

from __future__ import annotations

import socket

from shared.runtime.ports import Endpoint, require_free
from shared.runtime.start_refused import PortUnavailable

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a loopback port that is free now. Another process may take it first: be ready to retry."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Return whether no program listens on this loopback port now."""
    try:
        require_free(Endpoint(LOOPBACK, port, setting=""))
    except PortUnavailable:
        return False
    return True
