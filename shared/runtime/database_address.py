"""Addresses of databases, as libpq reads them: the one parser for services, migrations and operators.

An address is a URL or a string of keywords, and may name several hosts or a service. What it leaves open comes from the
service file, the environment (`PGOPTIONS` and others) and libpq's defaults, in this order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import PGconn

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
