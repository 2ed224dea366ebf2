"""Dead letters on a subject that a stream of NATS stores."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nats.aio.msg import Msg
from nats.js.client import JetStreamContext
from nats.js.errors import APIError

from event_source.broker import OMITTED_HEADER, dead_letter_headers
from event_source.message import Message

HEADER_BYTES = 64
"""Room for the beginning and the end of a message's headers."""
EXCEEDS_MAXIMUM, HEADER_EXCEEDS_MAXIMUM = 10054, 10097
"""Codes of the errors by which a stream refuses a message for its size, and for that of its headers (64 KiB)."""
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""Names of headers that the client sends; others publish what they like."""


class Form(NamedTuple):
    """The content of a letter."""

    payload: bytes
    headers: Mapping[str, str]

    @property
    def size(self) -> int:
        """The size in bytes as the server counts it."""
        headers = sum([len(name.encode()) + len(value.encode()) + 4 for name, value in self.headers.items()])
        return headers + HEADER_BYTES + len(self.payload)


def letter_forms(message: Message, verdict: str, reason: str) -> Sequence[Form]:
    """Return the letter of a message as a whole, without its payload, and also without its headers."""
    original: Msg = message.origin
    theirs = {
        name: value.encode(errors="replace").decode()
        for name, value in (original.headers or {}).items()
        if _NAME.fullmatch(name) and not name.lower().startswith("nats-")
    }
    ours = {
        **dead_letter_headers(message, verdict, reason),
        "challenge-subject": original.subject,
        "Nats-Msg-Id": message.position,
    }
    short = {**ours, OMITTED_HEADER: "true"}
    return [Form(message.payload, {**theirs, **ours}), Form(b"", {**theirs, **short}), Form(b"", short)]


async def publish_letter(stream: JetStreamContext, size_max: int, subject: str, forms: Sequence[Form]) -> None:
    """Publish the first form that is not larger than server and stream take. Raise errors of the client.

    A server closes the connection of a client that sends more than `size_max` bytes, so nothing larger is tried.
    """
    fitting = [form for form in forms[:-1] if form.size <= size_max]
    for form in fitting:
        try:
            await stream.publish(subject, form.payload, headers=dict(form.headers))
        except APIError as error:
            if error.err_code not in (EXCEEDS_MAXIMUM, HEADER_EXCEEDS_MAXIMUM):
                raise
        else:
            return
    await stream.publish(subject, forms[-1].payload, headers=dict(forms[-1].headers))
