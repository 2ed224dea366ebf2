"""A catalogue as encoded messages, into which a player's fields are spliced.

Building the 500 messages of a list costs Python 2.6 ms, and what is in them is the same for all players but for a few
fields of a few goals. So every goal is encoded once for each catalogue version, and a call appends the player's fields
to the goals that differ. All goals are answered this way; a property test holds it against plainly built messages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

from challenge.v1 import challenge_pb2, challenge_service_pb2

from shared.domain.catalogue import Catalogue, Challenge, Goal, Stat
from shared.domain.progress import Completion, PlayerView
from shared.rpc.edition import Edition, Spliceable, Touched
from shared.rpc.goal_encoding import GoalEncoder, definition, id_alone
from shared.rpc.wire import Pieces, nested_tag

_INITIALIZED_GOALS = nested_tag(challenge_service_pb2.InitializePlayerResponse.DESCRIPTOR, "goals")
_SET_GOAL = nested_tag(challenge_service_pb2.SetGoalActiveResponse.DESCRIPTOR, "goal")


_NOWHERE = -1

_JUDGED_BY_MORE = Completion(None)
"""Of a goal on which more than its completion may bear."""


class EncodedCatalogue:
    """One catalogue version, encoded in two editions: everything, and without what the definitions say."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        goals = catalogue.goals.values()
        positions = self._positions = {goal.id: position for position, goal in enumerate(goals)}
        self._default_positions: dict[Stat, list[int]] = defaultdict(list)
        for goal in catalogue.default_goals:
            self._default_positions[goal.stat].append(positions[goal.id])
        self._dependents: dict[int, list[int]] = defaultdict(list)
        for goal in goals:
            for required in goal.requires:
                self._dependents[positions[required]].append(positions[goal.id])
        self._dependent = frozenset(positions[goal.id] for goal in goals if goal.requires)

        definitions = {goal.id: definition(goal) for goal in goals}
        self._full = Edition(catalogue, _challenge_fields, definitions)
        self._light = Edition(catalogue, _challenge_id, {goal.id: id_alone(goal) for goal in goals})
        self._initialized = Spliceable(b"", tuple(goals), 0, GoalEncoder(catalogue, _INITIALIZED_GOALS, definitions))
        self._set_goal = GoalEncoder(catalogue, _SET_GOAL, definitions)

    def touched(self, view: PlayerView) -> Touched:
        """The goals on which what is stored of the player may bear; all others are as for one of whom nothing is."""
        completions = view.completions
        defaults = map(self._default_positions.get, view.tallies, repeat(()))
        found = dict.fromkeys(chain.from_iterable(defaults), _JUDGED_BY_MORE)
        found.update(zip(self._positions_of(completions), completions.values(), strict=True))
        found.update(dict.fromkeys(self._positions_of(view.assignments), _JUDGED_BY_MORE))
        # What is stored of goals that are no longer in the catalogue stays there.
        found.pop(_NOWHERE, None)
        for required in found.keys() & self._dependents.keys():
            found.update(dict.fromkeys(self._dependents[required], _JUDGED_BY_MORE))
        for dependent in found.keys() & self._dependent:
            found[dependent] = _JUDGED_BY_MORE
        return Touched(sorted(found), found)

    def _positions_of(self, goal_ids: Iterable[str]) -> Iterator[int]:
        return map(self._positions.get, goal_ids, repeat(_NOWHERE))

    def challenges(
        self, challenges: Iterable[Challenge], view: PlayerView, active_only: bool, *, light: bool = False
    ) -> Iterator[tuple[Challenge, Pieces]]:
        """The challenges as `Challenge` messages; with `active_only` without inactive goals and empty challenges.

        The light edition is for callers who have this catalogue version: of a challenge it has the id and the goals, of
        a goal the id and the fields that are the player's.
        """
        edition = self._light if light else self._full
        return edition.challenges(challenges, view, self.touched(view), active_only)

    def initialized_goals(self, view: PlayerView) -> Pieces:
        """The player's active goals in the catalogue's order, as fields of an `InitializePlayerResponse`."""
        return self._initialized.spliced(view, self.touched(view), active_only=True)

    def set_goal(self, goal: Goal, view: PlayerView) -> bytes:
        """The goal as a field of a `SetGoalActiveResponse`."""
        return self._set_goal.field(goal, view)


def _challenge_fields(challenge: Challenge) -> bytes:
    """All fields but the goals."""
    return challenge_pb2.Challenge(
        challenge_id=challenge.id, name=challenge.name, description=challenge.description
    ).SerializeToString()


def _challenge_id(challenge: Challenge) -> bytes:
    return challenge_pb2.Challenge(challenge_id=challenge.id).SerializeToString()
