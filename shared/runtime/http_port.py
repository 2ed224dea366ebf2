"""A small HTTP server for machines: a few pages without parameters, one thread, a bounded number of connections.

A connection carries one request. Clients that send nothing, or half a request, or do not read, cost no thread, and do
not keep others out: each step has a time limit, and of too many connections the one that has waited longest for its
request is closed.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

from shared.runtime.ports import Endpoint, listen

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 64
"""Open connections. One more closes the one that has waited longest for its request."""
ACCEPT_INTERVAL_S = 0.004
"""Seconds between two connections: clients in a loop cost some per cent of a core, not all of it."""
REQUEST_S = 2.0
"""Time limit in seconds for the arrival of a request."""
REPLY_S = 10.0
"""Time limit in seconds for sending a reply to a client that reads slowly."""
REQUEST_BYTES_MAX = 8_192

_ACCEPT = re.compile(rb"\r\naccept:([^\r\n]*)", re.IGNORECASE)

TEXT = "text/plain; charset=utf-8"


class Reply(NamedTuple):
    """The reply to a request."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT


Page = Callable[[str], Awaitable[Reply]]
"""Returns the reply of one path, given the request's `Accept` header or an empty text. It is called in the server's
thread and must not block."""


class HttpPort:
    """Serves pages by path until the process ends. The last scrapes may come while the rest of the process stops."""

    def __init__(self, endpoint: Endpoint, pages: Mapping[str, Page]) -> None:
        """Listen on the endpoint. Raise `PortUnavailable` if it is taken."""
        self._pages = pages
        self._listener = listen(endpoint)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._waiting: dict[asyncio.Task[None], None] = {}
        """Connections whose request has not arrived, the oldest first."""
        self._open: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=lambda: asyncio.run(self._serve()), name=f"http {self.port}", daemon=True).start()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError:
                # The process has no descriptor left, or the client is gone already.
                await asyncio.sleep(REQUEST_S)
                continue
            task = loop.create_task(self._handle(connection))
            self._open.add(task)
            self._waiting[task] = None
            task.add_done_callback(self._forget)
            # Also closes the connection of a task that is cancelled before it begins.
            task.add_done_callback(lambda _, connection=connection: connection.close())  # type: ignore[misc]
            if len(self._open) > CONNECTIONS_MAX:
                next(iter(self._waiting)).cancel()
            await asyncio.sleep(ACCEPT_INTERVAL_S)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        self._waiting.pop(task, None)

    async def _handle(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(REQUEST_S):
                request = await _read_head(connection)
            task = asyncio.current_task()
            if task is not None:
                self._waiting.pop(task, None)
            reply = await self._reply(request)
            async with asyncio.timeout(REPLY_S):
                await loop.sock_sendall(connection, _encoded(reply, body=not request.startswith(b"HEAD ")))
                connection.shutdown(socket.SHUT_WR)

    async def _reply(self, request: bytes) -> Reply:
        method, _, rest = request.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0].decode("latin-1")
        if method not in (b"GET", b"HEAD"):
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED)
        page = self._pages.get(path)
        if page is None:
            return _plain(HTTPStatus.NOT_FOUND)
        try:
            return await page(_accepted(request))
        except Exception:
            log.exception("unhandled exception in an HTTP page", extra={"path": path})
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR)


class SharedPage:
    """A page that is costly to render: at most once in an interval, for all clients that wait for it.

    Each client gets a rendering that was begun after its request, so none is out of date.
    """

    def __init__(self, render: Callable[[], Reply], interval_s: float) -> None:
        self._render = render
        self._interval_s = interval_s
        self._earliest = 0.0
        self._next: asyncio.Task[Reply] | None = None

    async def __call__(self, _accepted: str = "") -> Reply:
        """Wait for the next rendering and return it."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._render_next())
        return await asyncio.shield(self._next)

    async def _render_next(self) -> Reply:
        await asyncio.sleep(self._earliest - time.monotonic())
        self._next = None
        try:
            return self._render()
        finally:
            self._earliest = time.monotonic() + self._interval_s


async def _read_head(connection: socket.socket) -> bytes:
    """Return the request up to its empty line. Raise OSError if the client leaves or sends too much."""
    loop = asyncio.get_running_loop()
    head = b""
    while b"\r\n\r\n" not in head:
        received = await loop.sock_recv(connection, REQUEST_BYTES_MAX)
        head += received
        if not received or len(head) > REQUEST_BYTES_MAX:
            raise ConnectionAbortedError
    return head


def _accepted(request: bytes) -> str:
    """Return the `Accept` header of a request; empty if it has none."""
    found = _ACCEPT.search(request)
    return found[1].decode("latin-1").strip() if found else ""


def _plain(status: HTTPStatus) -> Reply:
    return Reply(status, f"{status.phrase}\n".encode())


def _encoded(reply: Reply, *, body: bool) -> bytes:
    lines = (
        f"HTTP/1.1 {reply.status.value} {reply.status.phrase}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        "Connection: close",
    )
    head = "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
    return head + reply.body if body else head
