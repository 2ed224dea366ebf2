"""`python -m devstack` as a process under test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.reserved_port import lasting_port
from tests.support.waiting import wait_until

PROJECT = Path(__file__).parents[2]
PORT_SETTINGS = (
    "CHALLENGE_PORT",
    "CHALLENGE_METRICS_PORT",
    "EVENT_PORT",
    "EVENT_METRICS_PORT",
    "GAME_GRPC_PORT",
    "GAME_HTTP_PORT",
    "SOURCE_PORT",
    "SOURCE_METRICS_PORT",
)
INHERITED = (
    "DATABASE_URL",
    "REDIS_URL",
    "CATALOGUE",
    "REWARD_ITEM_PROVIDER",
    "REWARD_WALLET_PROVIDER",
    "REWARD_GRPC_TARGET",
    "REWARD_WEBHOOK_URL",
)


class Command:
    """A process and its output so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def output(self) -> str:
        """The process's output so far, stdout and stderr."""
        return self._log.read_text(errors="replace")

    def wait_for(self, text: str) -> None:
        """Wait until the process has written `text`; fail with its output if it ends before."""
        wait_until(lambda: text in self.output or self.process.poll() is not None, deadline_s=60)
        assert text in self.output, self.output

    def children(self) -> dict[int, str]:
        """Return the names of the running programs that the process started, by process id."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            name, state, parent = _stat(stat)
            if parent == self.process.pid and state != "Z":
                found[int(stat.parent.name)] = name
        return found

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process only."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the process and return its exit status."""
        return self.process.wait(timeout=60)


def is_running(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    return _stat(Path(f"/proc/{pid}/stat"))[1] not in ("", "Z")


def _stat(path: Path) -> tuple[str, str, int]:
    """Return the name, state and parent of a process; empty if it is gone."""
    try:
        before, _, after = path.read_text().rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return "", "", 0
    state, parent, *_ = after.split()
    return before.partition("(")[2], state, int(parent)


@contextmanager
def devstack(command: str, folder: Path, **settings: str) -> Iterator[Command]:
    """Run `python -m devstack COMMAND` with its data in `folder` and free ports; it is killed at the end if need be."""
    environment = {name: value for name, value in os.environ.items() if name not in INHERITED}
    environment |= {name: str(lasting_port()) for name in PORT_SETTINGS}
    log = folder / f"{command}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "devstack", command],
            cwd=PROJECT,
            env={**environment, "DEVSTACK_DIR": str(folder / "data"), **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Command(process, log)
    finally:
        process.kill()
        process.wait()
