"""Header blocks of HTTP/2 (HPACK, RFC 7541) for gRPC calls.

Requests are literals that are never indexed, so a method's block is the same for every call. Responses cannot refer to
a dynamic table, because the caller announces one of size 0, so each block can be read by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from hpack import Decoder, Encoder, NeverIndexedHeaderTuple

NO_STATUS = -1
"""Code of a call that ended without one."""


class Status(NamedTuple):
    """The end of a call: gRPC's code, or one below 0 if there is none, and its message."""

    code: int
    message: str = ""


def encoded(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a header block; names are in lower case, and those that begin with a colon come first."""
    return bytes(Encoder().encode([NeverIndexedHeaderTuple(*header) for header in headers], huffman=False))


def request_headers(method: str, authority: str, timeout_s: float | None = None) -> bytes:
    """Return the header block of a call of `method`, such as `challenge.v1.EventService/ReportEvent`."""
    deadline = [] if timeout_s is None else [("grpc-timeout", f"{round(timeout_s * 1_000)}m")]
    return encoded(
        [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", f"/{method}"),
            (":authority", authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *deadline,
        ]
    )


def status_of(block: bytes) -> Status:
    """Return the status in the trailers of a call."""
    fields = {name: value.decode("latin-1") for name, value in Decoder().decode(block, raw=True)}
    code = fields.get(b"grpc-status", "")
    if not code.isdecimal():
        return Status(NO_STATUS, f"no grpc-status; HTTP status {fields.get(b':status', 'unknown')}")
    return Status(int(code), unquote(fields.get(b"grpc-message", "")))
