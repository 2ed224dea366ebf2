"""Several writers, each with the players whose ids hash to it: batches that never wait for each other's locks."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from event_handler.group_commit import Flush, GroupCommit
from event_handler.submission import Submission
from shared.domain.catalogue import Catalogue
from shared.domain.events import Event, Outcome

EVENTS_PER_CALL_MAX = 1_000
"""The most that the contract lets one call bring."""


class Split:
    """Events of one call that went to several writers."""

    def __init__(self, count: int, parts: Sequence[tuple[Sequence[int], Submission]]) -> None:
        """`parts`: the positions of the events that each submission holds, of `count` in all."""
        self._count = count
        self._parts = parts

    def wait(self) -> Sequence[Outcome]:
        """The outcomes, one per event, in order. Raises as `Submission.wait` does; the rest may be committed then."""
        outcomes: list[Outcome | None] = [None] * self._count
        for positions, submission in self._parts:
            for position, outcome in zip(positions, submission.wait(), strict=True):
                outcomes[position] = outcome
        return [outcome for outcome in outcomes if outcome is not None]


class Writers:
    """One or more group commits, one player always in the same."""

    def __init__(self, flush: Flush, *, count: int, buffer_events_max: int, linger_s: float = 0.0) -> None:
        """`buffer_events_max` bounds the events of all writers together; each has room for one call at least."""
        share = max(buffer_events_max // count, EVENTS_PER_CALL_MAX)
        self._writers = [GroupCommit(flush, buffer_events_max=share, linger_s=linger_s) for _ in range(count)]

    def start(self) -> None:
        """Start all writers."""
        for writer in self._writers:
            writer.start()

    def submit(
        self, judged_by: Catalogue, events: Sequence[Event], deadline: float, *, patient: bool = False
    ) -> Submission | Split:
        """As `GroupCommit.submit`; after an error some of the events may be committed nevertheless."""
        if len(self._writers) == 1:
            return self._writers[0].submit(judged_by, events, deadline, patient=patient)
        positions: dict[int, list[int]] = {}
        for position, event in enumerate(events):
            positions.setdefault(crc32(event.user_id.encode()) % len(self._writers), []).append(position)
        if len(positions) == 1:
            return self._writers[next(iter(positions))].submit(judged_by, events, deadline, patient=patient)
        return Split(
            len(events),
            [
                (part, self._writers[writer].submit(judged_by, [events[p] for p in part], deadline, patient=patient))
                for writer, part in positions.items()
            ],
        )

    def close(self, timeout_s: float) -> None:
        """As `GroupCommit.close`, one writer after the other."""
        for writer in self._writers:
            writer.close(timeout_s)

    @property
    def buffered_events(self) -> int:
        """How many events wait or are being committed."""
        return sum(writer.buffered_events for writer in self._writers)

    @property
    def oldest_wait_s(self) -> float:
        """How long the oldest submission in a buffer has waited, in seconds; 0 if all are empty."""
        return max(writer.oldest_wait_s for writer in self._writers)
