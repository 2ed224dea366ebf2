"""A server process whose calls wait until a file appears, for tests with many concurrent callers."""

from __future__ import annotations

import sys
from pathlib import Path

from shared.rpc.server import Server, ServiceBinding
from shared.runtime.health import Health
from shared.runtime.ports import Endpoint
from shared.runtime.telemetry import Telemetry
from tests.rpc.serving import SERVICE, Scripted
from tests.support.waiting import wait_until


def main(threads: int, released: Path) -> None:
    """Serve until standard input ends; the first line of output is the port."""

    def reply(request: object, context: object) -> bytes:  # noqa: ARG001 - the signature of a method
        wait_until(released.exists, deadline_s=60)
        return b""

    endpoint = Endpoint("127.0.0.1", 0, setting="CHALLENGE_PORT")
    health = Health([SERVICE.full_name])
    server = Server(
        endpoint, [ServiceBinding(SERVICE, Scripted(reply))], threads=threads, health=health, telemetry=Telemetry()
    )
    sys.stdout.write(f"{server.start()}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
