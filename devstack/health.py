"""Whether a service serves, by the gRPC health protocol.

`buf curl` asks, by reflection, as it does in the commands that are printed: nothing of the stack calls by gRPC itself.
"""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

from devstack.errors import StartFailed
from devstack.tools import find_tool

CONNECT_S = 1
CALL_S = 5
"""Answered in 0.1 s by an idle machine."""


def is_serving(host: str, port: int) -> bool:
    """Whether the process there reports SERVING for itself as a whole."""
    return listens(host, port) and _reports_serving(host, port)


def listens(host: str, port: int) -> bool:
    """Whether somebody listens there. Costs nothing: asked first, it keeps `buf` from being started in vain."""
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError:
        return False
    return True


def _reports_serving(host: str, port: int) -> bool:
    buf = find_tool("buf")
    if buf is None:
        raise StartFailed("buf is not installed: make install")
    url = f"http://{host}:{port}/grpc.health.v1.Health/Check"
    command = [str(Path(buf).resolve()), "curl", "--protocol", "grpc", "--http2-prior-knowledge", url, "-d", "{}"]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=CALL_S, check=False)
        return answer.returncode == 0 and json.loads(answer.stdout).get("status") == "SERVING"
    except (subprocess.TimeoutExpired, ValueError):
        return False
