"""One supervised child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from devstack import launch
from devstack.account import Account
from devstack.errors import StartFailed
from devstack.output import Output

POLL_S = 0.02


@contextmanager
def handed_over(text: str, account: Account | None) -> Iterator[int]:
    """Yield the descriptor of an unnamed file with `text` as a child's stdin: secrets do not belong on command lines.

    The file belongs to the account, so that the child can open it again as `/dev/stdin`.
    """
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        if account is not None:
            os.fchown(file.fileno(), account.uid, account.gid)
        yield file.fileno()


class Child:
    """A process in a session of its own (Ctrl-C reaches only the supervisor) that does not outlive the supervisor.

    On Linux the kernel sends it `death_signal` when the supervisor dies, or more precisely when the *thread* that
    called `start` ends: start children from a thread that lasts.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        output: Output,
        env: Mapping[str, str],
        cwd: Path = Path("/"),
        account: Account | None = None,
        stdin: str = "",
        grace_s: float = 10,
        death_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Describe a process: `command` begins with an absolute path, `env` is its whole environment.

        `grace_s` is how long `stop` waits after each signal, in seconds.
        """
        self.name = name
        self._command = list(command)
        self._output = output
        self._env = dict(env)
        self._cwd = cwd
        self._account = account
        self._stdin = stdin
        self._grace_s = grace_s
        self._death_signal = death_signal
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; `wait_until` waits until it is ready."""
        uid, gid = (self._account.uid, self._account.gid) if self._account else (-1, -1)
        prelude = [
            sys.executable,
            "-I",
            "-S",
            launch.__file__,
            *map(str, (os.getpid(), int(self._death_signal), uid, gid)),
        ]
        output = self._output.open()
        try:
            with handed_over(self._stdin, self._account) as stdin:
                self._process = subprocess.Popen(
                    [*prelude, *self._command],
                    stdin=stdin,
                    stdout=output,
                    stderr=output,
                    env=self._env,
                    cwd=self._cwd,
                    start_new_session=True,
                )
        finally:
            os.close(output)

    @property
    def pid(self) -> int | None:
        """The process id; None before the first start."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """True if the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """The exit status, -N after signal N; None while it runs or if it was never started."""
        return self._process.poll() if self._process else None

    def tail(self) -> str:
        """Return the last lines of its output."""
        return self._output.tail()

    def wait_until(
        self, ready: Callable[[], bool], deadline_s: float, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """Wait until the process is ready. Raise StartFailed if it ends first, or kill it at the deadline and raise.

        `pause` waits for some seconds between two checks; it may raise to give up.
        """
        deadline = time.monotonic() + deadline_s
        while not ready():
            if not self.is_running:
                raise self._failed(f"ended with status {self.exit_status} before it was ready")
            if time.monotonic() > deadline:
                self.kill()
                raise self._failed(f"was not ready after {deadline_s:g} s")
            pause(POLL_S)

    def _failed(self, what: str) -> StartFailed:
        return StartFailed(f"{self.name} {what}; its last lines:\n{self.tail() or '(none)'}")

    def stop(self, signals: Sequence[signal.Signals] = (signal.SIGTERM,), grace_s: float | None = None) -> None:
        """Send the signals one after the other, wait after each, and finally kill."""
        if self._process is None:
            return
        for number in signals:
            if self.is_running:
                self._process.send_signal(number)
                try:
                    self._process.wait(self._grace_s if grace_s is None else grace_s)
                except subprocess.TimeoutExpired:
                    continue
        self.kill()

    def kill(self) -> None:
        """Kill the process and everything in its session; do nothing if it has ended."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
