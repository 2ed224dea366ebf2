"""A port that takes plaintext and passes it on over TLS, for callers that speak HTTP/2 themselves."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CHUNK_BYTES = 16 * 1024


@contextmanager
def tunnel_to(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """Yield a loopback port; each of its connections is one of TLS to `port`. Both sides hold each other back."""
    loop = asyncio.new_event_loop()
    open_connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_connections.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="localhost", limit=CHUNK_BYTES
            )
        except OSError:
            writer.transport.abort()
            return
        pumps = [
            asyncio.create_task(_pump(reader, far_writer)),
            asyncio.create_task(_pump(far_reader, writer)),
            asyncio.create_task(_closed(far_writer)),
        ]
        try:
            with suppress(asyncio.CancelledError):
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            far_writer.transport.abort()
            # Closed as the other side was: what the caller has not read is discarded.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            await asyncio.gather(*pumps, return_exceptions=True)
            open_connections.discard(task)

    server = loop.run_until_complete(asyncio.start_server(connected, "127.0.0.1", 0, limit=CHUNK_BYTES))
    thread = threading.Thread(target=loop.run_forever, name="TLS tunnel", daemon=True)
    thread.start()

    async def close() -> None:
        server.close()
        for task in list(open_connections):
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)

    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.set_write_buffer_limits(CHUNK_BYTES)
    with suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Return when a connection is over, even if nothing is read from it: asyncio would not notice."""
    poll = select.poll()
    poll.register(writer.get_extra_info("socket").fileno(), select.POLLRDHUP)
    while not poll.poll(0):
        await asyncio.sleep(0.02)
