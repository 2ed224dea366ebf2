"""An embedded NATS server with JetStream, for those who have the program: no wheel contains it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import nats
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from devstack.errors import StartFailed
from devstack.ports import LOOPBACK
from devstack.process import Child
from devstack.server import ENVIRONMENT, EmbeddedServer

SETTING = "TEST_NATS_SERVER"
"""Variable with the path of the program, if it is neither on PATH nor where `make tools` builds it."""
TOOLS = Path(".tools/bin")
STOP_S = 10
PROBE_S = 1
INFO_BYTES_MAX = 8_192


def nats_server() -> str | None:
    """Return the path of the program; None if it is not there."""
    if named := os.environ.get(SETTING):
        return shutil.which(named)
    return shutil.which("nats-server") or shutil.which("nats-server", path=str(TOOLS.resolve()))


class EmbeddedNats(EmbeddedServer):
    """A server with a password. Streams survive a restart, in `directory`."""

    name = "nats"
    start_s = 20

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        super().__init__(directory, port)
        self._server_name = f"devstack-{secrets.token_hex(8)}"
        self._password = secrets.token_hex(16)

    def _child_on(self, port: int) -> Child:
        program = nats_server()
        if program is None:
            raise StartFailed(f"there is no nats-server: build it with make tools, or set {SETTING}")
        configuration = self.directory / "server.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"""\
server_name: {self._server_name}
listen: "{LOOPBACK}:{port}"
jetstream {{ store_dir: "{self.directory.resolve()}" }}
authorization {{ user: game, password: "{self._password}" }}
""",
            encoding="utf-8",
        )
        command = [program, "-c", str(configuration.resolve())]
        return Child(self.name, command, output=self._log, env=ENVIRONMENT, grace_s=STOP_S)

    def _is_ready(self, child: Child, port: int) -> bool:  # noqa: ARG002 - the name tells whose server it is
        try:
            with socket.create_connection((LOOPBACK, port), PROBE_S) as connection:
                connection.settimeout(PROBE_S)
                greeting = connection.makefile("rb").readline(INFO_BYTES_MAX)
            about = json.loads(greeting.removeprefix(b"INFO "))
        except (OSError, ValueError):
            return False
        return about.get("server_name") == self._server_name and bool(about.get("jetstream"))

    @property
    def url(self) -> str:
        return f"nats://game:{self._password}@{LOOPBACK}:{self._port}"

    def make_streams(self, subjects: Mapping[str, Sequence[str]]) -> None:
        """Make streams that do not exist yet: the subjects of each by its name."""
        asyncio.run(_make_streams(self.url, subjects))


async def _make_streams(url: str, subjects: Mapping[str, Sequence[str]]) -> None:
    client = await nats.connect(url)
    try:
        context = client.jetstream(timeout=STOP_S)
        for name, patterns in subjects.items():
            try:
                await context.stream_info(name)
            except NotFoundError:
                await context.add_stream(StreamConfig(name=name, subjects=list(patterns)))
    finally:
        await client.close()
