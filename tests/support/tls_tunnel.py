"""A port that takes plaintext and passes it on over TLS, for callers that speak HTTP/2 themselves."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.async_server import connected_to, pass_on, served


@contextmanager
def tunnel_to(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """Yield a loopback port; each of its connections is one of TLS to `port`. Both sides hold each other back."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with connected_to(port, context) as (far_reader, far_writer):
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
