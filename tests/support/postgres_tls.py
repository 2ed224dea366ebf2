"""A front that speaks TLS for the embedded Postgres, which is built without it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from devstack.ports import LOOPBACK
from tests.support.certificates import Files

SSL_REQUEST = (8).to_bytes(4, "big") + (80_877_103).to_bytes(4, "big")
"""The first message of a client that wants TLS."""
CHUNK_BYTES = 65_536


class _Front:
    def __init__(self, port: int, files: Files) -> None:
        self._port = port
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(files.certificate, files.private_key)

    async def serve(self, client: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client; one that does not ask for TLS is turned away."""
        try:
            if await client.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
                return
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(self._context)
            server, to_server = await asyncio.open_connection(LOOPBACK, self._port)
            await asyncio.gather(_pass_on(client, to_server), _pass_on(server, writer))
        except (OSError, EOFError):
            pass
        finally:
            writer.close()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(CHUNK_BYTES):
            target.write(chunk)
            await target.drain()
    target.close()


@contextmanager
def tls_before(url: str, files: Files) -> Iterator[str]:
    """Run a front with a certificate before a database, and yield the address that leads through it."""
    parts = urlsplit(url)
    loop = asyncio.new_event_loop()
    front = _Front(parts.port or 0, files)
    server = loop.run_until_complete(asyncio.start_server(front.serve, LOOPBACK, 0))
    thread = threading.Thread(target=loop.run_forever, name="TLS front", daemon=True)
    thread.start()
    port = server.sockets[0].getsockname()[1]
    try:
        yield parts._replace(netloc=f"{parts.username}:{parts.password}@{LOOPBACK}:{port}").geturl()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.1))
        loop.close()
