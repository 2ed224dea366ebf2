"""A server of asyncio in a thread of its own, for the fronts through which tests reach real servers."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from devstack.ports import LOOPBACK

CHUNK_BYTES = 16 * 1024
HANDSHAKE_S = 5.0
"""Limit in seconds of opening a connection, for which the end of a server waits."""


@contextmanager
def served(handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Iterator[int]:
    """Yield a loopback port whose connections are handled by `handle`; all have ended when the block has."""
    loop = asyncio.new_event_loop()
    connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Known before its first step: a task that is cancelled before that does nothing, and so ends no connection.
        task = loop.create_task(handled(reader, writer))
        connections[task] = writer

        def ended(_: object) -> None:
            connections.pop(task, None)
            writer.transport.abort()

        task.add_done_callback(ended)

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError, OSError, EOFError):
            await handle(reader, writer)

    async def close() -> None:
        server.close()
        # Connections that are being accepted at this moment come to be handled meanwhile.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in list(connections):
                del connections[task]
                task.cancel()
            await asyncio.wait(others)
        # A transport that was aborted closes its socket in the next turn of the loop.
        for _ in range(3):
            await asyncio.sleep(0)

    server = loop.run_until_complete(asyncio.start_server(accepted, LOOPBACK, 0, limit=CHUNK_BYTES))
    thread = threading.Thread(target=loop.run_forever, name="front", daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@asynccontextmanager
async def connected_to(
    port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a loopback connection, and discard it at the end of the block, however that comes.

    asyncio would end a connection of TLS that is cancelled while it opens in order, long after its loop is closed.
    """
    options: dict[str, Any] = (
        {} if tls is None else {"ssl": tls, "server_hostname": "localhost", "ssl_handshake_timeout": HANDSHAKE_S}
    )
    opening = asyncio.create_task(asyncio.open_connection(LOOPBACK, port, limit=CHUNK_BYTES, **options))
    try:
        yield await asyncio.shield(opening)
    finally:
        opening.add_done_callback(_discard)


def _discard(opened: asyncio.Task[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result()[1].transport.abort()


async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Write to `target` all that comes from `source`. Each holds the other back."""
    target.transport.set_write_buffer_limits(CHUNK_BYTES)
    with suppress(OSError):
        while chunk := await source.read(CHUNK_BYTES):
            target.write(chunk)
            await target.drain()
