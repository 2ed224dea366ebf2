"""The frames and header blocks of HTTP/2 that a gRPC client needs (RFC 9113, sections 4 and 6; HPACK, RFC 7541).

Request headers are literals that are never indexed, so a method's block is the same for every call. Responses cannot
refer to a dynamic table, because the caller announces one of size 0, so each block can be read by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

from hpack import Decoder, Encoder, NeverIndexedHeaderTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA = 0x0
HEADERS = 0x1
RST_STREAM = 0x3
SETTINGS = 0x4
PING = 0x6
GOAWAY = 0x7
WINDOW_UPDATE = 0x8
CONTINUATION = 0x9

END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20

HEADER_TABLE_SIZE = 0x1
ENABLE_PUSH = 0x2
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
MAX_FRAME_SIZE = 0x5

WINDOW_DEFAULT = 65_535
WINDOW_MAX = 2**31 - 1
FRAME_BYTES_DEFAULT = 16_384

_HEADER = struct.Struct(">BHBBI")
_SETTING = struct.Struct(">HI")
_STREAM_MASK = 2**31 - 1


class Frame(NamedTuple):
    """One frame; stream 0 is the connection itself."""

    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return an encoded frame. The receiver limits the payload, to 16 KiB by default."""
    length = len(payload)
    return _HEADER.pack(length >> 16, length & 0xFFFF, kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*item) for item in values.items()))


def read_settings(payload: bytes) -> dict[int, int]:
    """Return the values of a SETTINGS frame."""
    return dict(_SETTING.iter_unpack(payload))


def acknowledgement(received: Frame) -> bytes:
    """Return the reply that a SETTINGS or PING frame asks for; empty for all other frames."""
    if received.kind not in (SETTINGS, PING) or received.flags & ACK:
        return b""
    return frame(received.kind, ACK, 0, received.payload if received.kind == PING else b"")


def window_update(stream: int, increment: int) -> bytes:
    """Return a frame that allows the other side to send `increment` more bytes."""
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


def take_frames(buffer: bytearray) -> Iterator[Frame]:
    """Yield all complete frames at the start of the received bytes, and remove them."""
    start = 0
    while len(buffer) - start >= _HEADER.size:
        high, low, kind, flags, stream = _HEADER.unpack_from(buffer, start)
        begin = start + _HEADER.size
        end = begin + (high << 16 | low)
        if end > len(buffer):
            break
        yield Frame(kind, flags, stream & _STREAM_MASK, bytes(buffer[begin:end]))
        start = end
    del buffer[:start]


def content(received: Frame) -> bytes:
    """Return the payload of a DATA or HEADERS frame without padding and priority."""
    payload = received.payload
    if received.flags & PADDED:
        payload = payload[1 : len(payload) - payload[0]]
    if received.kind == HEADERS and received.flags & PRIORITY:
        payload = payload[5:]
    return payload


NO_STATUS = -1
"""Code of a call that ended without one."""


class Status(NamedTuple):
    """The end of a call: gRPC's code, or one below 0 if there is none, and its message."""

    code: int
    message: str = ""


def encoded(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a header block; names are in lower case, and those that begin with a colon come first."""
    return bytes(Encoder().encode([NeverIndexedHeaderTuple(*header) for header in headers], huffman=False))


def request_headers(method: str, authority: str, timeout_s: float | None = None, authorization: str = "") -> bytes:
    """Return the header block of a call of `method`, such as `challenge.v1.EventService/ReportEvent`."""
    proof = [("authorization", authorization)] if authorization else []
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
            *proof,
        ]
    )


def status_of(block: bytes) -> Status:
    """Return the status in the trailers of a call."""
    fields = {name: value.decode("latin-1") for name, value in Decoder().decode(block, raw=True)}
    code = fields.get(b"grpc-status", "")
    if not code.isdecimal():
        return Status(NO_STATUS, f"no grpc-status; HTTP status {fields.get(b':status', 'unknown')}")
    return Status(int(code), unquote(fields.get(b"grpc-message", "")))
