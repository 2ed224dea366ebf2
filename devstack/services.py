"""The project's own programs as supervised children."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from devstack.health import is_serving, listens
from devstack.output import Lines, prefixed
from devstack.process import Child

CYAN, GREEN, MAGENTA, YELLOW = 36, 32, 35, 33

SERVING_S = 60
"""Limit in seconds. A service starts in 2 s; on a busy machine it takes longer."""
STOP_MARGIN_S = 10
"""Time in seconds for a service to stop beyond the grace for its calls: the last batch, the pool, telemetry."""


def program(arguments: str, env: Mapping[str, str], *, colour: int, grace_s: float) -> Child:
    """Return `python -m ARGUMENTS` in the working directory, with its output on the terminal after its name.

    When it is stopped, its calls in flight have `grace_s` seconds to end.
    """
    name, *_ = words = arguments.split()
    return Child(
        name,
        [sys.executable, "-m", *words],
        output=Lines(prefixed(name, colour)),
        env=env,
        cwd=Path.cwd(),
        grace_s=grace_s + STOP_MARGIN_S,
    )


def wait_until_serving(service: Child, host: str, port: int, pause: Callable[[float], None]) -> None:
    """Wait until the service takes calls. Raise StartFailed if it ends first or is not ready after `SERVING_S`."""
    service.wait_until(partial(is_serving, host, port), SERVING_S, pause)


def wait_until_listening(program: Child, host: str, port: int, pause: Callable[[float], None]) -> None:
    """Wait until a program listens on the port. Raise StartFailed as `wait_until_serving` does."""
    program.wait_until(partial(listens, host, port), SERVING_S, pause)
