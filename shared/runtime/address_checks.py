"""Checks of the addresses in settings: each raises `ValueError` with the end of a sentence about its variable.

No message quotes a part of an address that could be a password.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

from shared.runtime.database_address import (
    ENCODED,
    EXAMPLE,
    PORT_MAX,
    SLASH,
    AddressInvalid,
    check_address,
    has_slash_in_password,
)

_REDIS_EXAMPLE = "redis://:password@host:6379/0"
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
_TARGET = re.compile(r"(?:dns:(?:///)?|ipv4:|ipv6:)?(?:\[[0-9A-Fa-f:.%]+\]|[^\s/:?#@\[\]]+):(\d+)|unix:\S+")


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
    parts = _url(text, ("redis", "rediss", "unix"), _REDIS_EXAMPLE)
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
    found = _TARGET.fullmatch(text)
    if found is None or not 1 <= int(found[1] or 1) <= PORT_MAX:
        raise _refused(f"must be a host and a port from 1 to {PORT_MAX:,}", _TARGET_EXAMPLE)


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
