"""The interface of brokers. All methods but `lag` and `problem` are called by the pump's thread alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from event_source.message import Message

Done: TypeAlias = Callable[[str | None], None]
"""Receives the end of a dead letter's way, in any thread: None once the broker has confirmed it, or else the error."""

REASON_LENGTH_MAX = 500
"""Characters of the reason of a dead letter."""

REASON_HEADER = "challenge-reason"
VERDICT_HEADER = "challenge-verdict"
POSITION_HEADER = "challenge-position"
TIME_HEADER = "challenge-time"
OMITTED_HEADER = "challenge-payload-omitted"


class Broker(Protocol):
    """A subscription of one broker."""

    def receive(self, count_max: int, bytes_max: int, timeout_s: float) -> Sequence[Message]:
        """Return the messages that are there, waiting for the first one at most `timeout_s` seconds.

        They have about `bytes_max` bytes, and more only if the first one alone has.
        """

    def hold(self) -> None:
        """Take part in the group without receiving anything. Called at least every second while nothing is wanted."""

    def settle(self, messages: Sequence[Message]) -> None:
        """Note that messages need nothing any more, so that they are committed once all before them are settled."""

    def dead_letter(self, message: Message, verdict: str, reason: str, done: Done) -> None:
        """Publish a message to the dead letters. It is settled by whoever is told that it is confirmed."""

    def open_messages(self) -> int:
        """Return the number of messages that were received and cannot be committed yet."""

    def commit(self) -> None:
        """Tell the broker what is settled, without waiting. Called every second."""

    def lag(self) -> int | None:
        """Return the number of messages behind the newest one; None if it is not known."""

    def problem(self) -> str | None:
        """Return why the broker cannot be used now; None if it can."""

    def close(self, timeout_s: float) -> None:
        """Commit what is settled, and leave the group."""


def dead_letter_headers(message: Message, verdict: str, reason: str) -> dict[str, str]:
    """Return the headers of a dead letter. None has a line break, and all are ASCII."""
    headers = {
        VERDICT_HEADER: verdict,
        REASON_HEADER: ascii(reason[:REASON_LENGTH_MAX])[1:-1],
        POSITION_HEADER: message.position,
    }
    if message.time is not None:
        headers[TIME_HEADER] = str(message.time)
    return headers
