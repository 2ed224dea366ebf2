"""Programs run by copies of a process that has imported them: a start takes a tenth of the CPU of `python -m`.

Whatever an import does is done once, before the copy. What depends on a real start of an interpreter, such as the
workers of a service or the programs of an image, is tried with `devstack.process` instead.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from devstack.launch import PR_SET_PDEATHSIG
from shared.catalogue import separate_loader
from tests.support.imported_loading import command, loading_address

PROJECT = Path(__file__).parents[2]
ENDS_WITHIN_S = 120
"""Limit in seconds, after which a program that should end by itself is killed."""
REQUEST_BYTES_MAX = 128 * 1024
NUMBER = struct.Struct("q")
LOADING_CATALOGUES = ("challenge_service", "event_handler")


class Ended(NamedTuple):
    """A program that has ended, and all it has written."""

    returncode: int
    stdout: str
    stderr: str


class Copy:
    """A program that runs in a copy, in a session of its own. It does not outlive this process."""

    def __init__(self, pid: int, reports: int) -> None:
        self.pid = pid
        self._reports = reports
        self._returncode: int | None = None

    def poll(self, within_s: float = 0) -> int | None:
        """Return the exit code, -N after signal N; None if it still runs after `within_s`."""
        if self._returncode is None and select.select([self._reports], [], [], within_s)[0]:
            self._returncode = os.waitstatus_to_exitcode(_number(self._reports))
            os.close(self._reports)
        return self._returncode

    def wait(self, within_s: float = ENDS_WITHIN_S) -> int:
        """Return the exit code; kill it after `within_s`."""
        if self.poll(within_s) is None:
            self.kill()
        return self._returncode or 0

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; do nothing if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop; do nothing if it has ended."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it; do nothing if it has ended."""
        self.send_signal(signal.SIGKILL)
        self.poll(ENDS_WITHIN_S)

    def kill_session(self) -> None:
        """Kill it and everything in its session; do nothing if it has ended."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.poll(ENDS_WITHIN_S)


def run_imported(module: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Ended:
    """Run `python -m MODULE` with these arguments and this environment, and return how it ended."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        copy = start_imported(module, arguments, environ, (stdout.fileno(), stderr.fileno()))
        returncode = copy.wait()
        texts = []
        for output in (stdout, stderr):
            output.seek(0)
            texts.append(output.read())
        return Ended(returncode, *texts)


def start_imported(
    module: str, arguments: Sequence[str], environ: Mapping[str, str], outputs: tuple[int, int], program: str = ""
) -> Copy:
    """Start `python -m MODULE` with these descriptors for what it writes and for its errors.

    If `program` is given, it is run instead, with the module imported.
    """
    loading = command(loading_address()) if module in LOADING_CATALOGUES else ()
    request = {
        "program": program or module,
        "arguments": list(arguments),
        "environ": dict(environ),
        "loading": loading,
    }
    reports, reporting = os.pipe()
    try:
        socket.send_fds(_copier(module), [json.dumps(request).encode()], [*outputs, reporting])
    finally:
        os.close(reporting)
    return Copy(_number(reports), reports)


def _number(reports: int) -> int:
    """Return the next number that the copier reports: first the process id, then the wait status."""
    raw = os.read(reports, NUMBER.size)
    assert raw, "the copier has ended"
    return int(NUMBER.unpack(raw)[0])


@cache
def _copier(module: str) -> socket.socket:
    """Return the connection to the process that has imported the module. It ends with this process, which holds it."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        command = [sys.executable, "-m", "tests.support.imported_programs", module, str(its.fileno())]
        process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL, pass_fds=[its.fileno()])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _become(arguments: Sequence[str], environ: Mapping[str, str], outputs: Sequence[int], copier: int) -> None:
    """Give this process a session, the arguments, environment and outputs of the program."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != copier:
        sys.exit("the copier is gone")
    for number, descriptor in enumerate(outputs, 1):
        os.dup2(descriptor, number)
    os.closerange(3, max(map(int, os.listdir("/dev/fd"))) + 1)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv[1:] = arguments


def main() -> None:
    """Run the module in a copy of this process for each request, and report the process id and wait status of each."""
    module, connection = sys.argv[1], int(sys.argv[2])
    spec = find_spec(module)
    assert spec is not None
    name = module if spec.submodule_search_locations is None else f"{module}.__main__"
    import_module(name)
    # The copies execute the module itself again, as the main one.
    del sys.modules[name]
    running: dict[int, tuple[int, int]] = {}
    while True:
        for ready in select.select([connection, *running], [], [])[0]:
            if ready != connection:
                os.close(ready)
                _report_end(*running.pop(ready))
                continue
            request, descriptors = _receive(connection)
            if not request:
                return
            *outputs, reports = descriptors
            copier = os.getpid()
            if (child := os.fork()) == 0:
                _become(request["arguments"], request["environ"], outputs, copier)
                if request["loading"]:
                    separate_loader.COMMAND = tuple(request["loading"])
                runpy.run_module(request["program"], run_name="__main__", alter_sys=True)
                return
            for output in outputs:
                os.close(output)
            os.write(reports, NUMBER.pack(child))
            running[os.pidfd_open(child)] = child, reports


def _receive(connection: int) -> tuple[dict[str, Any], list[int]]:
    """Return the next request and its descriptors; an empty one at the end."""
    with socket.socket(fileno=connection) as receiver:
        raw, descriptors, _, _ = socket.recv_fds(receiver, REQUEST_BYTES_MAX, 3)
        receiver.detach()
    return json.loads(raw or b"{}"), descriptors


def _report_end(child: int, reports: int) -> None:
    _, status = os.waitpid(child, 0)
    # The reader may have gone.
    with suppress(BrokenPipeError):
        os.write(reports, NUMBER.pack(status))
    os.close(reports)


if __name__ == "__main__":
    main()
