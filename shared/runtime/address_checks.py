"""Checks of the addresses in settings: each raises `ValueError` with the end of a sentence about its variable.

No message quotes a part of an address that could be a password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import PGconn

from shared.runtime.redis_address import parse_redis

EXAMPLE = "postgresql://user:password@host:5432/database"
SCHEMES = ("postgresql://", "postgres://")
PORT_MAX = 65_535
ENCODED = "write : / ? # and @ in a user name or password as %3A %2F %3F %23 and %40"

SLASH = f"has @ only after a /, as if a password contained it; {ENCODED}"

_NOWHERE = {"host": "/nonexistent", "hostaddr": "", "port": "1"}
"""Overrides with which libpq resolves an address, and fails to connect without any network."""


class AddressInvalid(ValueError):
    """An address that cannot be used. The message quotes no part of it that could be a password."""


def check_address(address: str) -> None:
    """Raise `AddressInvalid` if connecting to the address cannot succeed, wherever it is tried."""
    parameters = _parse(address)
    for port in filter(None, str(parameters.get("port", "")).split(",")):
        if not port.isdecimal() or not 1 <= int(port) <= PORT_MAX:
            raise AddressInvalid(f"has a port that is no number from 1 to {PORT_MAX:,}; in a URL, {ENCODED}")
    # A leading @ names an abstract socket. Messages of libpq repeat the host, which could be the rest of a password.
    if any("@" in host[1:] for host in str(parameters.get("host", "")).split(",")):
        raise AddressInvalid(f"has a host with @ in it; {ENCODED}")
    if address.startswith(SCHEMES) and has_slash_in_password(address.partition("?")[0]):
        raise AddressInvalid(SLASH)
    encoding = str(parameters.get("client_encoding", "UTF8")).replace("-", "").upper()
    if encoding not in ("UTF8", "AUTO"):
        raise AddressInvalid("sets client_encoding, which must be UTF8")
    resolve(address)


def has_slash_in_password(url: str) -> bool:
    """Return whether the part of a URL that names user and host ends before the @, at a character of the password."""
    authority = url.partition("://")[2]
    return "@" in authority and "@" not in re.split("[/?]", authority, maxsplit=1)[0]


def resolve(address: str) -> Mapping[str, str]:
    """Return all parameters of a connection but host and port: those of the address and those that it leaves open."""
    _parse(address)
    try:
        # psycopg has no function that reads service files. libpq reads them at the start of an attempt to connect.
        attempt = PGconn.connect_start(make_conninfo(address, **_NOWHERE).encode())
    except psycopg.Error as error:
        raise AddressInvalid("cannot be read by libpq") from error
    parameters = {option.keyword.decode(): (option.val or b"").decode() for option in attempt.info}
    if not parameters["host"]:
        raise AddressInvalid(attempt.get_error_message().strip())
    attempt.finish()
    return parameters


def names_several_hosts(address: str) -> bool:
    """Return whether the address, or the environment where it leaves that open, lists hosts to be tried in turn."""
    parameters = _parse(address)
    host, hostaddr = (
        str(parameters.get(name) or os.environ.get(f"PG{name.upper()}", "")) for name in ("host", "hostaddr")
    )
    return "," in host or "," in hostaddr


def _parse(address: str) -> Mapping[str, object]:
    if address.startswith(("'", '"')):
        raise AddressInvalid("begins with a quote: remove the quotes")
    scheme, separator, _ = address.partition("://")
    if separator and scheme.isascii() and " " not in scheme and "=" not in scheme and f"{scheme}://" not in SCHEMES:
        raise AddressInvalid(f"has the scheme {scheme.lower()!r}, must be 'postgresql'")
    try:
        return conninfo_to_dict(address)
    except psycopg.Error as error:
        message = str(error).strip()
        unknown = message.startswith(("invalid URI query parameter", "invalid connection option"))
        raise AddressInvalid(message if unknown else "is no address that libpq can read") from None


_REDIS_EXAMPLE = "redis://:password@host:6379/0"
_REDIS_PLACES = {
    f"{transport}+{kind}": f"{transport}+{kind}://:password@{rest}"
    for transport in ("redis", "rediss")
    for kind, rest in (("cluster", "a:6379,b:6379"), ("sentinel", "a:26379,b:26379/service"))
}
"""Examples by the schemes of addresses that list several servers."""
_REDIS_PARAMETERS = frozenset(
    {
        "db",
        "client_name",
        "protocol",
        "ssl_ca_certs",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_keyfile",
    }
)
_WEBHOOK_EXAMPLE = "https://game.example/grants"
_TARGET_EXAMPLE = "game.example:50060"
_COLLECTOR_EXAMPLE = "http://localhost:4317"
_HOST_AND_PORT = r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s/:?#@,\[\]]+):(\d+)"
_LISTED = re.compile(_HOST_AND_PORT)
_TARGET = re.compile(rf"(?:dns:(?:///)?)?{_HOST_AND_PORT}|unix:\S+")
_TARGET_LISTS = ("ipv4:", "ipv6:")
"""Beginnings of targets that may list several addresses, separated by commas."""


def check_database(text: str) -> None:
    """Check an address of PostgreSQL."""
    try:
        check_address(text)
    except AddressInvalid as invalid:
        raise _refused(str(invalid), EXAMPLE) from None


def check_redis(text: str) -> None:
    """Check an address of Redis or Valkey."""
    if "#" in text and not text.startswith(("'", '"')):
        raise _refused(f"contains #: {ENCODED}", _REDIS_EXAMPLE)
    if not text.startswith(("'", '"', "unix:")) and has_slash_in_password(text):
        raise _refused(SLASH, _REDIS_EXAMPLE)
    if text.partition("://")[0] in _REDIS_PLACES:
        try:
            address = parse_redis(text)
        except ValueError as problem:
            raise _refused(f"{problem}; {ENCODED}", _REDIS_PLACES[text.partition("://")[0]]) from None
        text = address.url
    parts = _url(text, ("redis", "rediss", "unix", *_REDIS_PLACES), _REDIS_EXAMPLE)
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _REDIS_PARAMETERS:
            raise _refused(f"has the unknown parameter {name!r}", _REDIS_EXAMPLE)
    if parts.scheme != "unix" and parts.path not in ("", "/") and not parts.path[1:].isdecimal():
        raise _refused(f"has a database that is no number; {ENCODED}", _REDIS_EXAMPLE)


def check_webhook(text: str) -> None:
    """Check the URL of a webhook."""
    if _url(text, ("http", "https"), _WEBHOOK_EXAMPLE).fragment:
        raise _refused("contains #, which is not sent to servers", _WEBHOOK_EXAMPLE)


def check_collector(text: str) -> None:
    """Check the address of an OpenTelemetry collector."""
    _url(text, ("http", "https"), _COLLECTOR_EXAMPLE)


def check_target(text: str) -> None:
    """Check the target of a gRPC channel."""
    if "://" in text and not text.startswith("dns:///"):
        raise _refused(f"has the scheme {text.partition('://')[0]!r}, must be a host and a port", _TARGET_EXAMPLE)
    listed = text.startswith(_TARGET_LISTS)
    for part in text[5:].split(",") if listed else [text]:
        found = (_LISTED if listed else _TARGET).fullmatch(part)
        if found is None or not 1 <= int(found[1] or 1) <= PORT_MAX:
            raise _refused(f"must be a host and a port from 1 to {PORT_MAX:,}", _TARGET_EXAMPLE)


def has_several_addresses(target: str) -> bool:
    """Return whether a checked target lists addresses. gRPC then compares certificates with the whole list."""
    return target.startswith(_TARGET_LISTS) and "," in target


def _url(text: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    if text.startswith(("'", '"')):
        raise _refused("begins with a quote: remove the quotes", example)
    scheme, separator, _ = text.partition("://")
    if not separator:
        raise _refused(f"has no scheme, must begin with {schemes[0]}://", example)
    if scheme not in schemes:
        raise _refused(f"has the scheme {scheme!r}, must be {' or '.join(map(repr, schemes))}", example)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _refused(f"has a host or port that cannot be read; {ENCODED}", example) from None
    if scheme != "unix" and not parts.hostname:
        raise _refused("has no host", example)
    if port == 0 or any(character.isspace() for character in text):
        raise _refused("has the port 0" if port == 0 else "contains a space", example)
    return parts


def _refused(problem: str, example: str) -> ValueError:
    return ValueError(f"{problem}; correct is for example {example}")
