"""Catalogues loaded for the services of tests by copies of a process that has imported the loader.

A loading takes a fifth of the CPU of the real start, which `tests/catalogue/test_separate_loader.py` and the workers of
services try.
"""

from __future__ import annotations

import atexit
import gc
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

PROJECT = Path(__file__).parents[2]
CLIENT = Path(__file__).with_name("loading_client.py")
MODULE = "shared.catalogue.loading_process"
MESSAGE_BYTES_MAX = 16


def command(address: str) -> tuple[str, ...]:
    """Return the command of one loading by the process at this address."""
    return sys.executable, "-ISE", str(CLIENT), address


@cache
def loading_address() -> str:
    """Return the address of a process that loads. It ends with this one, which holds its standard input."""
    address = f"catalogue loading for {os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        # In the abstract namespace: there is no file to remove.
        listener.bind(f"\0{address}")
        listener.listen()
        arguments = [sys.executable, "-m", "tests.support.imported_loading", str(listener.fileno())]
        process = subprocess.Popen(arguments, cwd=PROJECT, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])
    atexit.register(process.communicate)
    return address


def main() -> None:
    """Load for each caller, in a copy of this process, until standard input ends."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    import_module(MODULE)
    # The copies execute the module itself again, as the main one.
    del sys.modules[MODULE]
    gc.freeze()
    # The processes of calls are waited for by nothing.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    end = sys.stdin.fileno()
    while end not in select.select([listener.fileno(), end], [], [])[0]:
        caller, _ = listener.accept()
        with caller:
            if os.fork() == 0:
                listener.close()
                _serve(caller)
                return


def _serve(caller: socket.socket) -> None:
    """Load in another copy, with the caller's streams, and report its wait status; kill it if the caller is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, *_ = socket.recv_fds(caller, MESSAGE_BYTES_MAX, 3)
    if (child := os.fork()) == 0:
        caller.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(child)
    if ended not in select.select([ended, caller.fileno()], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    caller.send(b"%d" % status)


if __name__ == "__main__":
    main()
