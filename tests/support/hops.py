"""Hops in front of a database or a Redis, at the same URL but for the port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from tests.support.proxy import LOOPBACK, Hop


@contextmanager
def hop_to(url: str) -> Iterator[tuple[Hop, str]]:
    """A hop to the server at `url`, and the URL that leads through it."""
    address = urlsplit(url)
    if address.hostname is None or address.port is None:
        raise ValueError(f"{url} names no host and port")
    with Hop(address.hostname, address.port) as hop:
        credentials = f"{address.username or ''}:{address.password}"
        yield hop, urlunsplit(address._replace(netloc=f"{credentials}@{LOOPBACK}:{hop.port}"))
