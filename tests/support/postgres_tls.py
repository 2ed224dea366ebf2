"""A front that speaks TLS for the embedded Postgres, which is built without it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from devstack.ports import LOOPBACK
from tests.support.async_server import connected_to, pass_on, served
from tests.support.certificates import Files

SSL_REQUEST = (8).to_bytes(4, "big") + (80_877_103).to_bytes(4, "big")
"""The first message of a client that wants TLS."""


@contextmanager
def tls_before(url: str, files: Files) -> Iterator[str]:
    """Run a front with a certificate before a database, and yield the address that leads through it.

    A client that does not ask for TLS is turned away.
    """
    parts = urlsplit(url)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.private_key)

    async def handle(client: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await client.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
            return
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(context)
        async with connected_to(parts.port or 0) as (server, to_server):
            directions = [
                asyncio.create_task(pass_on(client, to_server)),
                asyncio.create_task(pass_on(server, writer)),
            ]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
                # The last bytes of the side that has not ended are still passed on.
                await asyncio.wait(directions, timeout=0.2)
            finally:
                for direction in directions:
                    direction.cancel()

    with served(handle) as port:
        yield parts._replace(netloc=f"{parts.username}:{parts.password}@{LOOPBACK}:{port}").geturl()
