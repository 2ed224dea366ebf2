"""The process that a service in a test starts to load a catalogue; `tests.support.imported_loading` does the work.

It runs as a script without the packages of the project, so its start costs little.
"""

from __future__ import annotations

import os
import socket
import sys


def main(address: str) -> None:
    """Pass on the standard streams, wait for the end of the loading, and end as that has ended."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(f"\0{address}")
        socket.send_fds(server, [b"load"], [0, 1, 2])
        code = os.waitstatus_to_exitcode(int(server.recv(16)))
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
