"""One encoding of a catalogue, into which a player's goals are spliced."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain, repeat
from typing import NamedTuple, cast

from challenge.v1 import challenge_pb2

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.goal import Goal
from shared.domain.progress import PlayerView, is_active
from shared.rpc.goal_encoding import CLAIM_TIME, UNTOUCHED, CompletedGoalPrefix, GoalEncoder
from shared.rpc.pool_encoding import SpliceablePool
from shared.rpc.wire import TIMESTAMP_REST_LENGTH, Pieces, nested_tag

_GOALS = nested_tag(challenge_pb2.Challenge.DESCRIPTOR, "goals")


class Touched(NamedTuple):
    """The goals that may differ from an untouched player's, by their positions in the catalogue."""

    positions: Sequence[int]
    """Positions in the catalogue's order."""
    complete_times: Sequence[bytes | None]
    """By place in `positions`: the `timestamp_rests` of the completion if it alone determines the goal; else None."""
    claim_times: Sequence[bytes | None]
    """The same of the claim; None if there is none."""


class Edition:
    """Challenges of a catalogue, each encoded once."""

    def __init__(
        self,
        catalogue: Catalogue,
        challenges: Sequence[Challenge],
        challenge_fields: Callable[[Challenge], bytes],
        definitions: Mapping[str, bytes],
    ) -> None:
        """`challenges` have the goals that are shown; `challenge_fields` encodes a challenge without its goals.

        `definitions` are the encoded goals by goal id.
        """
        encoder = GoalEncoder(catalogue, _GOALS, definitions)
        # Goals of pools have no position: which of them are shown differs from player to player.
        fixed = [challenge for challenge in challenges if challenge.pool is None]
        starts = accumulate((len(challenge.goals) for challenge in fixed), initial=0)
        self._challenges = {
            challenge.id: Spliceable(challenge_fields(challenge), challenge.goals, start, encoder)
            for challenge, start in zip(fixed, starts, strict=False)
        }
        self._pools = {
            challenge.id: SpliceablePool(challenge_fields(challenge), challenge, encoder)
            for challenge in challenges
            if challenge.pool is not None
        }

    def challenges(
        self, challenges: Iterable[Challenge], view: PlayerView, touched: Touched, active_only: bool
    ) -> Iterator[tuple[Challenge, Pieces]]:
        """Yield challenges as `Challenge` messages, without empty ones; with `active_only` without inactive goals."""
        for challenge in challenges:
            if challenge.pool is None:
                spliceable = self._challenges[challenge.id]
                message, head_length = spliceable.spliced(view, touched, active_only), spliceable.head_length
            else:
                pool = self._pools[challenge.id]
                message, head_length = pool.spliced(view), pool.head_length
            if message.length > head_length:
                yield challenge, message

    def challenge(self, challenge: Challenge, view: PlayerView, touched: Touched) -> Pieces:
        """Return a `Challenge` message, which is empty if none of its goals is shown."""
        if challenge.pool is not None:
            return self._pools[challenge.id].spliced(view)
        return self._challenges[challenge.id].spliced(view, touched, active_only=False)


class Spliceable:
    """An encoded message with replaceable goals. The bytes between replaced goals stay in one piece."""

    def __init__(self, head: bytes, goals: Sequence[Goal], first: int, encoder: GoalEncoder) -> None:
        """`head` is the encoding before the goals, and `first` the position of the first goal in the catalogue."""
        self._first, self._end = first, first + len(goals)
        self._encoder = encoder
        self.head_length = len(head)
        """The length of a message without goals."""
        fields = [encoder.listed_field(goal, UNTOUCHED) for goal in goals]
        active = [field if is_active(goal, None, None) else b"" for goal, field in zip(goals, fields, strict=True)]
        completed = [encoder.completed(goal) for goal in goals]
        self._all = _Template(head, goals, completed, fields)
        self._active = _Template(head, goals, completed, active)

    def spliced(self, view: PlayerView, touched: Touched, active_only: bool) -> Pieces:
        """Return the message for a player, with `active_only` without inactive goals."""
        positions, complete_times, claim_times = touched
        begin = bisect_left(positions, self._first)
        end = bisect_left(positions, self._end, begin)
        template = self._active if active_only else self._all
        if begin == end:
            return template.untouched
        whole, places = template.whole, template.places
        if end - begin == len(places):
            completed = template.completed(complete_times[begin:end], claim_times[begin:end])
            if completed is not None:
                return completed
        first, length, copied = self._first, template.untouched.length, 0
        pieces: list[bytes | memoryview] = []
        append = pieces.append
        for index in range(begin, end):
            begins, ends, unclaimed, unclaimed_growth, claimed, claimed_growth, goal = places[positions[index] - first]
            complete_time = complete_times[index]
            if copied != begins:
                append(whole[copied:begins])
            copied = ends
            if complete_time is None:
                encoder = self._encoder
                field = encoder.active_field(goal, view) if active_only else encoder.listed_field(goal, view)
                append(field)
                length += len(field) - (ends - begins)
            elif (claim_time := claim_times[index]) is None:
                append(unclaimed)
                append(complete_time)
                length += unclaimed_growth
            else:
                pieces += claimed, complete_time, CLAIM_TIME, claim_time
                length += claimed_growth
        append(whole[copied:])
        return _pieces((length, pieces))


# The constructor of a named tuple without a Python call: one for each challenge of a list.
_pieces = partial(tuple.__new__, Pieces)


class _Place(NamedTuple):
    """The byte range of a goal in a template, and its encoding once completed (see `CompletedGoalPrefix`)."""

    begins: int
    ends: int
    unclaimed: bytes
    unclaimed_growth: int
    """The bytes by which the goal with its times is longer than the range."""
    claimed: bytes
    claimed_growth: int
    goal: Goal


class _Template:
    """An encoded message and the byte ranges of its goals."""

    def __init__(
        self, head: bytes, goals: Sequence[Goal], completed: Sequence[CompletedGoalPrefix], fields: Sequence[bytes]
    ) -> None:
        """`fields` are the encoded goals; an empty one stands for a goal that is left out."""
        whole = self.whole = memoryview(head + b"".join(fields))
        self.untouched = Pieces(len(whole), [whole])
        bounds = list(accumulate(map(len, fields), initial=len(head)))
        places = self.places = [
            _Place(
                begins,
                ends,
                unclaimed,
                len(unclaimed) + TIMESTAMP_REST_LENGTH - (ends - begins),
                claimed,
                len(claimed) + len(CLAIM_TIME) + 2 * TIMESTAMP_REST_LENGTH - (ends - begins),
                goal,
            )
            for goal, begins, ends, (unclaimed, claimed) in zip(goals, bounds, bounds[1:], completed, strict=False)
        ]
        self._head = whole[: len(head)]
        self._unclaimed, self._claimed = [place.unclaimed for place in places], [place.claimed for place in places]
        self._unclaimed_length = len(whole) + sum(place.unclaimed_growth for place in places)
        self._claimed_length = len(whole) + sum(place.claimed_growth for place in places)

    def completed(self, complete_times: Sequence[bytes | None], claim_times: Sequence[bytes | None]) -> Pieces | None:
        """Return the message with these times, if they complete all goals, and claim all or none of them.

        It takes a third of the time of splicing goal by goal.
        """
        if None in complete_times:
            return None
        times = cast("Sequence[bytes]", complete_times)
        if claim_times.count(None) == len(claim_times):
            fields = chain.from_iterable(zip(self._unclaimed, times, strict=True))
            return Pieces(self._unclaimed_length, [self._head, *fields])
        if None in claim_times:
            return None
        claims = cast("Sequence[bytes]", claim_times)
        claimed = chain.from_iterable(zip(self._claimed, times, repeat(CLAIM_TIME), claims, strict=False))
        return Pieces(self._claimed_length, [self._head, *claimed])
