"""One way of writing a catalogue down in bytes, into which a player's goals are spliced."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from challenge.v1 import challenge_pb2

from shared.domain.catalogue import Catalogue, Challenge, Goal
from shared.domain.progress import PlayerView, goal_status
from shared.rpc.goal_encoding import GoalEncoder
from shared.rpc.wire import Pieces, TimestampEncoder, nested_tag, timestamp_encoder

_GOALS = nested_tag(challenge_pb2.Challenge.DESCRIPTOR, "goals")

UNTOUCHED = PlayerView({}, {}, {})
"""A player of whom nothing is stored."""


class Edition:
    """Every challenge of a catalogue, encoded once."""

    def __init__(
        self, catalogue: Catalogue, challenge_fields: Callable[[Challenge], bytes], definitions: Mapping[str, bytes]
    ) -> None:
        """What the edition says of a challenge beside its goals; and of each goal to all players, by goal id."""
        encoder = GoalEncoder(_GOALS, definitions)
        starts = accumulate((len(challenge.goals) for challenge in catalogue.challenges), initial=0)
        self._challenges = {
            challenge.id: Spliceable(catalogue, challenge_fields(challenge), challenge.goals, start, encoder)
            for challenge, start in zip(catalogue.challenges, starts, strict=False)
        }

    def challenges(
        self, challenges: Iterable[Challenge], view: PlayerView, touched: Sequence[int], active_only: bool
    ) -> Iterator[tuple[Challenge, Pieces]]:
        """The challenges as `Challenge` messages; with `active_only` without inactive goals and empty challenges.

        `touched` are the positions in the catalogue, in their order, of the goals that may differ from an untouched
        player's.
        """
        encode_timestamp = timestamp_encoder()
        for challenge in challenges:
            spliceable = self._challenges[challenge.id]
            message = spliceable.spliced(view, touched, active_only, encode_timestamp)
            if message.length > spliceable.head_length:
                yield challenge, message


class Spliceable:
    """An encoded message with goals that can be replaced: what lies between the replaced ones is one piece."""

    def __init__(
        self, catalogue: Catalogue, head: bytes, goals: Sequence[Goal], first: int, encoder: GoalEncoder
    ) -> None:
        """`head` is what comes before the goals, and `first` the position of the first goal in the catalogue."""
        self._catalogue = catalogue
        self._goals = goals
        self._first, self._end = first, first + len(goals)
        self._encoder = encoder
        self.head_length = len(head)
        """A message of this length has no goal."""
        untouched = [goal_status(goal, UNTOUCHED, catalogue) for goal in goals]
        encode_timestamp = timestamp_encoder()
        fields = [
            encoder.field(goal.id, status, encode_timestamp) for goal, status in zip(goals, untouched, strict=True)
        ]
        active = [field if status.active else b"" for field, status in zip(fields, untouched, strict=True)]
        self._all, self._active = _Template(head, fields), _Template(head, active)

    def spliced(
        self, view: PlayerView, touched: Sequence[int], active_only: bool, encode_timestamp: TimestampEncoder
    ) -> Pieces:
        """The message as the player has it; with `active_only` without inactive goals. `touched` as for an edition."""
        template = self._active if active_only else self._all
        begin = bisect_left(touched, self._first)
        end = bisect_left(touched, self._end, begin)
        if begin == end:
            return template.untouched
        catalogue, goals, encode = self._catalogue, self._goals, self._encoder.field
        whole, starts = template.whole, template.starts
        length = len(whole)
        pieces: list[bytes | memoryview] = []
        copied = 0
        for position in touched[begin:end]:
            index = position - self._first
            goal = goals[index]
            status = goal_status(goal, view, catalogue)
            field = encode(goal.id, status, encode_timestamp) if status.active or not active_only else b""
            starts_at, ends_at = starts[index], starts[index + 1]
            if copied < starts_at:
                pieces.append(whole[copied:starts_at])
            pieces.append(field)
            length += len(field) - (ends_at - starts_at)
            copied = ends_at
        pieces.append(whole[copied:])
        return Pieces(length, pieces)


class _Template:
    """An encoded message, and where its goals are."""

    def __init__(self, head: bytes, goals: Sequence[bytes]) -> None:
        """`goals` are encoded fields, in order; an empty one stands for a goal that is left out."""
        self.whole = memoryview(head + b"".join(goals))
        self.untouched = Pieces(len(self.whole), [self.whole])
        self.starts = list(accumulate(map(len, goals), initial=len(head)))
        """By position; one more than there are goals, where the last one ends."""
