"""The encoding of pools: the goals that the player has, and those that the player has completed."""

from __future__ import annotations

from shared.domain.catalogue import Challenge
from shared.domain.progress import PlayerView
from shared.rpc.goal_encoding import UNTOUCHED, GoalEncoder
from shared.rpc.wire import Pieces


class SpliceablePool:
    """A message with the goals of a pool, of which players see few, each with others."""

    def __init__(self, head: bytes, challenge: Challenge, encoder: GoalEncoder) -> None:
        """`head` is the encoding before the goals, and `challenge` has the goals that may be shown."""
        self._head = head
        self._encoder = encoder
        self.head_length = len(head)
        """The length of a message without goals."""
        self._goals = challenge.goals
        self._positions = {goal.id: position for position, goal in enumerate(challenge.goals)}
        self._ids = frozenset(self._positions)
        # A goal without a tally is the same for all players who have it.
        self._untouched = [
            encoder.field(goal, UNTOUCHED._replace(selected=frozenset([goal.id]))) for goal in challenge.goals
        ]
        self._tallies = [(goal.stat, goal.schedule.text) for goal in challenge.goals]

    def spliced(self, view: PlayerView) -> Pieces:
        """Return the message for a player. All of its goals are active."""
        shown = self._ids & view.selected
        completions, tallies = view.completions, view.period_tallies
        completed = completions.keys() & self._ids if completions else ()
        pieces: list[bytes | memoryview] = [self._head]
        for position in sorted(map(self._positions.__getitem__, shown.union(completed))):
            goal = self._goals[position]
            if self._tallies[position] in tallies or goal.id in completions:
                pieces.append(self._encoder.field(goal, view))
            else:
                pieces.append(self._untouched[position])
        return Pieces(sum(map(len, pieces)), pieces)
