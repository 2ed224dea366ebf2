"""Addresses of Redis and Valkey: one server, a cluster, or the primary that Sentinels name.

redis://user:password@host:6379/0                  one server; rediss:// with TLS, unix:// for a socket
redis+cluster://user:password@a:6379,b:6379        a cluster, of which any nodes are listed
redis+sentinel://user:password@a:26379,b:26379/service/0?sentinel_password=…
rediss+cluster://, rediss+sentinel://              the same with TLS
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

SENTINEL_PORT = 26_379
NODE_PORT = 6_379
SENTINEL_PARAMETERS = ("sentinel_username", "sentinel_password")


class RedisKind(Enum):
    """Kind of what an address leads to."""

    SERVER = ""
    CLUSTER = "cluster"
    SENTINEL = "sentinel"


class RedisAddress(NamedTuple):
    """An address of Redis, taken apart."""

    kind: RedisKind
    url: str
    """A redis://, rediss:// or unix:// URL of the server, or of the first host, with user, password and parameters."""
    hosts: tuple[tuple[str, int], ...] = ()
    """The listed nodes of a cluster, or the Sentinels."""
    service: str = ""
    """The name by which Sentinels know the primary."""
    sentinel_credentials: tuple[str, str] = ("", "")
    """User and password of the Sentinels; empty for none."""


def parse_redis(text: str) -> RedisAddress:
    """Take an address apart. Raise ValueError with the end of a sentence about it."""
    scheme, _, rest = text.partition("://")
    transport, plus, kind_text = scheme.partition("+")
    if not plus:
        return RedisAddress(RedisKind.SERVER, text)
    kind = RedisKind(kind_text)
    parts = urlsplit(f"{transport}://{rest}")
    user, at, hosts_text = parts.netloc.rpartition("@")
    default_port = NODE_PORT if kind is RedisKind.CLUSTER else SENTINEL_PORT
    hosts = tuple(_host(each, default_port) for each in hosts_text.split(","))
    service, database = _path(kind, parts)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    credentials = tuple(query.pop(name, "") for name in SENTINEL_PARAMETERS)
    host, port = hosts[0]
    bracketed = f"[{host}]" if ":" in host else host
    url = f"{transport}://{user}{at}{bracketed}:{port}/{database}"
    if query:
        url = f"{url}?{urlencode(query)}"
    return RedisAddress(kind, url, hosts, service, (credentials[0], credentials[1]))


def _host(text: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or port == 0:
        raise ValueError("lists a host or port that cannot be read")
    return parts.hostname, default_port if port is None else port


def _path(kind: RedisKind, parts: SplitResult) -> tuple[str, int]:
    """Return the service and the number of the database."""
    if kind is RedisKind.CLUSTER:
        if parts.path not in ("", "/", "/0"):
            raise ValueError("names a database, of which a cluster has only 0")
        return "", 0
    service, _, database = parts.path[1:].partition("/")
    if not service:
        raise ValueError("names no service after the Sentinels")
    if database and not database.isdecimal():
        raise ValueError("has a database that is no number")
    return unquote(service), int(database or 0)
