"""Execute a command as a process that does not outlive its supervisor.

Runs as a script in an interpreter of its own: `launch.py SUPERVISOR DEATH_SIGNAL UID GID COMMAND [ARGUMENT …]`, with
UID and GID -1 to keep the account. It is a program, not a `preexec_fn`, because a supervisor may have threads (such as
gRPC's), and Python code between fork and exec can then deadlock.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(supervisor: int, death_signal: int, uid: int, gid: int, command: list[str]) -> None:
    """Replace this process by `command`, which receives `death_signal` when the supervisor dies (on Linux)."""
    if uid != -1:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After the change of account, which would clear it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != supervisor:
        sys.exit("the supervisor is gone")
    # Signals ignored by this interpreter or blocked by the supervisor would stay so after exec.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execv(command[0], command)  # noqa: S606 - the command comes from the supervisor's own code


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:5]]
    main(numbers[0], numbers[1], numbers[2], numbers[3], sys.argv[5:])
