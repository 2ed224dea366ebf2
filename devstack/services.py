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
"""A service imports, loads its catalogue and connects in 2 s; a busy machine takes longer."""
STOP_MARGIN_S = 10
"""What a service may take to stop beyond the grace for its calls: the last batch, the pool, telemetry."""


def program(arguments: str, env: Mapping[str, str], *, colour: int, grace_s: float) -> Child:
    """`python -m ARGUMENTS` in the working directory, with its output on the terminal behind its name.

    Its calls under way have `grace_s` to end when it is stopped.
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
    """Wait until the service takes calls. Raises StartFailed if it ends first or is not ready after `SERVING_S`."""
    service.wait_until(partial(is_serving, host, port), SERVING_S, pause)


def wait_until_listening(program: Child, host: str, port: int, pause: Callable[[float], None]) -> None:
    """Wait until somebody listens on the port. Raises StartFailed as `wait_until_serving` does."""
    program.wait_until(partial(listens, host, port), SERVING_S, pause)
