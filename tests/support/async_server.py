"""A server of asyncio in a thread of its own, for the fronts through which tests reach real servers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from devstack.ports import LOOPBACK

CHUNK_BYTES = 16 * 1024


@contextmanager
def served(handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Iterator[int]:
    """Yield a loopback port whose connections are handled by `handle`; all have ended when the block has."""
    loop = asyncio.new_event_loop()
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            with suppress(asyncio.CancelledError, OSError, EOFError):
                await handle(reader, writer)
        finally:
            writer.transport.abort()
            connections.discard(task)

    async def close() -> None:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        # A transport that was aborted closes its socket in the next turn of the loop.
        await asyncio.sleep(0)

    server = loop.run_until_complete(asyncio.start_server(connected, LOOPBACK, 0, limit=CHUNK_BYTES))
    thread = threading.Thread(target=loop.run_forever, name="front", daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Write to `target` all that comes from `source`. Each holds the other back."""
    target.transport.set_write_buffer_limits(CHUNK_BYTES)
    with suppress(OSError):
        while chunk := await source.read(CHUNK_BYTES):
            target.write(chunk)
            await target.drain()
