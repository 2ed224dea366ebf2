"""One way of writing a catalogue down in bytes, into which a player's goals are spliced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from challenge.v1 import challenge_pb2

from shared.domain.catalogue import Catalogue, Challenge, Goal
from shared.domain.progress import GoalStatus
from shared.rpc.wire import nested, nested_tag

_GOAL_OF_CHALLENGE = nested_tag(challenge_pb2.Challenge.DESCRIPTOR, "goals")

LISTED_GOALS_CACHED_MAX = 32_768
"""Encoded goals that are kept: at most some 15 MB."""

Statuses = Mapping[str, GoalStatus]
"""By goal id: the goals that may differ from an untouched player's."""


class Edition:
    """Every challenge and goal of a catalogue, encoded once."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        challenge_fields: Callable[[Challenge], bytes],
        goal_fields: Callable[[Goal], bytes],
        player_fields: Callable[[GoalStatus], bytes],
        untouched: Statuses,
    ) -> None:
        """What the edition says of a challenge beside its goals, of a goal to all players, and of a goal to one player.

        `untouched` has all goals, as they are for a player of whom nothing is stored.
        """
        self._player_fields = player_fields
        self._fixed = {goal.id: goal_fields(goal) for goal in catalogue.goals.values()}
        self._untouched = {goal_id: self._encode(goal_id, status) for goal_id, status in untouched.items()}
        # A player who looks at the list again mostly sees what was there before.
        self._listed_goal = lru_cache(LISTED_GOALS_CACHED_MAX)(self._encode_listed_goal)
        self._places = {
            goal.id: (challenge.id, position)
            for challenge in catalogue.challenges
            for position, goal in enumerate(challenge.goals)
        }
        self._templates = {
            (challenge.id, active_only): _Template(
                challenge_fields(challenge),
                [
                    nested(_GOAL_OF_CHALLENGE, self._untouched[goal.id])
                    if goal.default_assigned or not active_only
                    else b""
                    for goal in challenge.goals
                ],
            )
            for challenge in catalogue.challenges
            for active_only in (False, True)
        }

    def challenges(
        self, challenges: Iterable[Challenge], statuses: Statuses, active_only: bool
    ) -> Iterator[tuple[Challenge, bytes]]:
        """The challenges as `Challenge` messages; with `active_only` without inactive goals and empty challenges."""
        patches: dict[str, dict[int, bytes]] = defaultdict(dict)
        for goal_id, status in statuses.items():
            challenge_id, position = self._places[goal_id]
            shown = status.active or not active_only
            patches[challenge_id][position] = self._listed_goal(goal_id, status) if shown else b""
        for challenge in challenges:
            template = self._templates[challenge.id, active_only]
            message = template.patched(patches.get(challenge.id, {}))
            if len(message) > template.head_length:
                yield challenge, message

    def goal(self, goal_id: str, statuses: Statuses) -> bytes:
        """A `Goal` message."""
        status = statuses.get(goal_id)
        return self._encode(goal_id, status) if status is not None else self._untouched[goal_id]

    def _encode_listed_goal(self, goal_id: str, status: GoalStatus) -> bytes:
        """A goal as a field of a `Challenge`."""
        return nested(_GOAL_OF_CHALLENGE, self._encode(goal_id, status))

    def _encode(self, goal_id: str, status: GoalStatus) -> bytes:
        return self._fixed[goal_id] + self._player_fields(status)


class _Template:
    """An encoded challenge in which goals can be replaced: what lies between the replaced ones is copied as a whole."""

    def __init__(self, head: bytes, goals: Sequence[bytes]) -> None:
        """`goals` are encoded fields of the challenge, in order; an empty one stands for a goal that is left out."""
        self.head_length = len(head)
        """A challenge of this length has no goal."""
        self._whole = head + b"".join(goals)
        self._starts = list(accumulate(map(len, goals), initial=len(head)))

    def patched(self, patches: Mapping[int, bytes]) -> bytes:
        """The challenge with other goals at these positions."""
        pieces: list[bytes] = []
        copied = 0
        for position in sorted(patches):
            pieces += (self._whole[copied : self._starts[position]], patches[position])
            copied = self._starts[position + 1]
        pieces.append(self._whole[copied:])
        return b"".join(pieces)
