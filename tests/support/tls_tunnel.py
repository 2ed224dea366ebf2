"""A port that takes plaintext and passes it on over TLS, for callers that speak HTTP/2 themselves."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from devstack.ports import LOOPBACK
from tests.support.async_server import CHUNK_BYTES, pass_on, served


@contextmanager
def tunnel_to(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """Yield a loopback port; each of its connections is one of TLS to `port`. Both sides hold each other back."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(
            LOOPBACK, port, ssl=context, server_hostname="localhost", limit=CHUNK_BYTES
        )
        directions = [
            asyncio.create_task(pass_on(reader, far_writer)),
            asyncio.create_task(pass_on(far_reader, writer)),
            asyncio.create_task(_closed(far_writer)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            far_writer.transport.abort()
            # Closed as the other side was: what the caller has not read is discarded.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with served(handle) as tunnel_port:
        yield tunnel_port


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Return when a connection is over, even if nothing is read from it: asyncio would not notice."""
    poll = select.poll()
    poll.register(writer.get_extra_info("socket").fileno(), select.POLLRDHUP)
    while not poll.poll(0):
        await asyncio.sleep(0.02)
