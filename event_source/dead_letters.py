"""Dead letters on their way: each is published again until the broker has confirmed it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from event_source.broker import Broker
from event_source.message import Message

log = logging.getLogger(__name__)

RETRY_S = 1.0
"""Pause in seconds before a letter that was not confirmed is published again."""


class Letter(NamedTuple):
    """A message that cannot be an event, and why."""

    message: Message
    verdict: str
    reason: str


class LetterEnd(NamedTuple):
    """The end of a letter's way: confirmed, or an error."""

    letter: Letter
    error: str | None


class DeadLetters:
    """The letters that are not confirmed yet. The pump's messages bound their number."""

    def __init__(self, broker: Broker, ended: Callable[[LetterEnd], None]) -> None:
        """Publish to `broker`, and tell `ended` of the end of each attempt, in any thread."""
        self._broker = broker
        self._ended = ended
        self._late: deque[tuple[float, Letter]] = deque()
        self._on_their_way = 0
        self.problem: str | None = None
        """Why letters are not confirmed now; None if they are."""

    def __len__(self) -> int:
        """Return the number of letters that are not confirmed."""
        return self._on_their_way + len(self._late)

    def publish(self, letter: Letter) -> None:
        """Send a letter to the broker."""
        self._on_their_way += 1
        self._broker.dead_letter(
            letter.message, letter.verdict, letter.reason, lambda error: self._ended(LetterEnd(letter, error))
        )

    def publish_late(self, now: float) -> None:
        """Send the letters again whose pause is over at `now`, in monotonic seconds."""
        while self._late and self._late[0][0] <= now:
            self.publish(self._late.popleft()[1])

    def note(self, end: LetterEnd, now: float) -> bool:
        """Note the end of an attempt, and return whether the letter is confirmed."""
        self._on_their_way -= 1
        letter, error = end
        about = {"position": letter.message.position, "verdict": letter.verdict, "reason": letter.reason}
        if error is None:
            self.problem = None
            log.info("dead letter", extra=about)
            return True
        if self.problem is None:
            log.warning("dead letter not confirmed, trying again", extra={"error": error, **about})
        self.problem = "dead letters are not confirmed"
        self._late.append((now + RETRY_S, letter))
        return False
