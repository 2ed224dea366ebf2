"""A catalogue as encoded messages, into which a player's fields are spliced.

Building the 500 messages of a list takes Python 2.6 ms, although they are the same for all players but for a few fields
of a few goals. So every goal is encoded once for each catalogue version, and a call appends the player's fields to the
goals that differ. All goals are encoded this way; a property test compares the result with plainly built messages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import chain, compress, groupby, repeat

from challenge.v1 import challenge_pb2, challenge_service_pb2
from google.protobuf.duration_pb2 import Duration

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.completion_columns import CompletionColumns
from shared.domain.goal import Goal, Stat
from shared.domain.instant import SECOND
from shared.domain.progress import PlayerView
from shared.domain.schedules import LIFETIME
from shared.rpc.edition import Edition, Spliceable, Touched
from shared.rpc.goal_encoding import GoalEncoder, definition, id_only
from shared.rpc.instants import EncodedPeriods
from shared.rpc.pool_encoding import SpliceablePool
from shared.rpc.wire import Pieces, nested_tag, timestamp_rests

_INITIALIZED_GOALS = nested_tag(challenge_service_pb2.InitializePlayerResponse.DESCRIPTOR, "goals")
_SET_GOAL = nested_tag(challenge_service_pb2.SetGoalActiveResponse.DESCRIPTOR, "goal")

_NO_POSITION = -1

SHOWN_SETS_MAX = 8
"""Maximum number of sets of shown goals that are kept encoded. Two are in use: with and without upcoming goals."""


class EncodedCatalogue:
    """One catalogue version, encoded for each set of goals that is shown."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._without: dict[frozenset[str], ShownGoals] = {frozenset(): ShownGoals(catalogue, frozenset())}
        self._set_goal = GoalEncoder(catalogue, _SET_GOAL, _definitions(catalogue))
        self.periods = EncodedPeriods(catalogue)
        """The current periods, as fields of responses."""

    def without(self, hidden: frozenset[str]) -> ShownGoals:
        """Return the goals of the catalogue without these.

        Who asks first after the start or end of a season encodes them.
        """
        shown = self._without.get(hidden)
        if shown is None:
            if len(self._without) >= SHOWN_SETS_MAX:
                self._without = {frozenset(): self._without[frozenset()]}
            shown = self._without[hidden] = ShownGoals(self.catalogue, hidden)
        return shown

    def set_goal(self, goal: Goal, view: PlayerView) -> bytes:
        """Return a `SetGoalActiveResponse`."""
        periods = self.periods.field(challenge_service_pb2.SetGoalActiveResponse, view.periods)
        return self._set_goal.field(goal, view) + periods


class ShownGoals:
    """The goals of a catalogue that are shown, in two editions: the full one, and the light one without definitions."""

    def __init__(self, catalogue: Catalogue, hidden: frozenset[str]) -> None:
        """`hidden` are the ids of goals that are left out."""
        challenges: Sequence[Challenge] = catalogue.challenges
        if hidden:
            challenges = [_without(challenge, hidden) for challenge in challenges]
        goals = [goal for challenge in challenges if challenge.pool is None for goal in challenge.goals]
        positions = self._positions = {goal.id: position for position, goal in enumerate(goals)}
        # By the keys of a view's tallies and of its tallies of periods.
        self._default_positions: dict[Stat | tuple[Stat, str], list[int]] = defaultdict(list)
        for goal in goals:
            if goal.default_assigned:
                key = goal.stat if goal.schedule == LIFETIME else (goal.stat, goal.schedule.text)
                self._default_positions[key].append(positions[goal.id])
        self._dependents: dict[int, list[int]] = defaultdict(list)
        self._requiring: dict[str, list[int]] = defaultdict(list)
        for goal in goals:
            for required in goal.requires:
                self._requiring[required].append(positions[goal.id])
                # A hidden goal is never found to be touched: it is not completed, for everybody.
                self._dependents[positions.get(required, _NO_POSITION)].append(positions[goal.id])
        # A pool's goals touch only the goals that they unlock.
        self._requires_pools = [
            goal.id
            for challenge in challenges
            if challenge.pool is not None
            for goal in challenge.goals
            if goal.id in self._requiring
        ]
        # These goals show more than the times of one completion decide.
        self._dependent = frozenset(
            positions[goal.id]
            for goal in goals
            if goal.requires
            or goal.steps > 1
            or not goal.has_plain_reward
            or goal.streak is not None
            or goal.at_most is not None
        )

        definitions = _definitions(catalogue)
        ids = {goal.id: id_only(goal) for goal in catalogue.goals.values()}
        self._full = Edition(catalogue, challenges, challenge_fields, definitions)
        self._light = Edition(catalogue, challenges, _challenge_id, ids)
        self._initialized, self._light_initialized = (
            _Initialized(challenges, GoalEncoder(catalogue, _INITIALIZED_GOALS, encoded))
            for encoded in (definitions, ids)
        )

    def touched(self, view: PlayerView) -> Touched:
        """Return the goals that the player's stored data may affect; all others are as for an untouched player."""
        completions = CompletionColumns.of(view.completions)
        defaults = map(self._default_positions.get, view.tallies, repeat(()))
        found: dict[int, bytes | None] = dict.fromkeys(chain.from_iterable(defaults))
        if view.period_tallies:
            of_periods = map(self._default_positions.get, view.period_tallies, repeat(()))
            found.update(dict.fromkeys(chain.from_iterable(of_periods)))
        completed = list(self._positions_of(completions.goal_ids))
        found.update(zip(completed, timestamp_rests(completions.complete_times), strict=True))
        recomputed = self._positions_of(view.assignments)
        if self._dependent:
            recomputed = iter(self._with_dependents(view, recomputed, found.keys()))
        for position in recomputed:
            found[position] = None
        if completions.claimed and any(completions.claimed):
            # Goals that had several rewards.
            found.update(dict.fromkeys(compress(completed, completions.claimed)))
        # Stored data of goals that are no longer in the catalogue have no position.
        found.pop(_NO_POSITION, None)
        positions = sorted(found)
        claim_times: Sequence[bytes | None] = [None] * len(positions)
        if completions.claim_times.count(None) < len(completions.claim_times):
            claims = timestamp_rests(completions.claim_times)
            claim_times = list(map(dict(zip(completed, claims, strict=True)).get, positions))
        return Touched(positions, list(map(found.__getitem__, positions)), claim_times)

    def _with_dependents(self, view: PlayerView, recomputed: Iterable[int], found: Set[int]) -> Set[int]:
        """Return the recomputed goals and those that show more than the times of one completion decide.

        `found` are the goals with a tally or a completion.
        """
        positions = set(recomputed)
        # Completions of other periods, perhaps of goals that are hidden now.
        for goal_id in (*view.ever, *self._requires_pools):
            positions.update(self._requiring.get(goal_id, ()))
        for required in ((found | positions) - {_NO_POSITION}) & self._dependents.keys():
            positions.update(self._dependents[required])
        return positions | found & self._dependent

    def _positions_of(self, goal_ids: Iterable[str]) -> Iterator[int]:
        return map(self._positions.get, goal_ids, repeat(_NO_POSITION))

    def challenges(
        self, challenges: Iterable[Challenge], view: PlayerView, active_only: bool, *, light: bool = False
    ) -> Iterator[tuple[Challenge, Pieces]]:
        """Yield challenges as `Challenge` messages, without empty ones; with `active_only` without inactive goals.

        The light edition is for callers who have this catalogue version. Its challenges have only the id and the goals,
        and its goals only the id and the player's fields.
        """
        edition = self._light if light else self._full
        return edition.challenges(challenges, view, self.touched(view), active_only)

    def initialized_goals(self, view: PlayerView, *, light: bool = False) -> Pieces:
        """Return the player's active goals in the catalogue's order, as fields of an `InitializePlayerResponse`.

        Light goals have only the id and the player's fields.
        """
        initialized = self._light_initialized if light else self._initialized
        return initialized.spliced(view, self.touched(view))

    def challenge(self, challenge: Challenge, view: PlayerView) -> Pieces:
        """Return a `Challenge` message, which is empty if none of its goals is shown."""
        return self._full.challenge(challenge, view, self.touched(view))


class _Initialized:
    """The active goals of a catalogue, in its order."""

    def __init__(self, challenges: Iterable[Challenge], encoder: GoalEncoder) -> None:
        """`challenges` have the goals that are shown. Between pools, their goals are encoded in one piece."""
        self._parts: list[Spliceable | SpliceablePool] = []
        position = 0
        for is_pool, found in groupby(challenges, lambda challenge: challenge.pool is not None):
            if is_pool:
                self._parts += (SpliceablePool(b"", challenge, encoder) for challenge in found)
            else:
                goals = [goal for challenge in found for goal in challenge.goals]
                self._parts.append(Spliceable(b"", goals, position, encoder))
                position += len(goals)

    def spliced(self, view: PlayerView, touched: Touched) -> Pieces:
        """Return the goals that are active for the player."""
        parts = [
            part.spliced(view) if isinstance(part, SpliceablePool) else part.spliced(view, touched, active_only=True)
            for part in self._parts
        ]
        if len(parts) == 1:
            return parts[0]
        return Pieces(sum(part.length for part in parts), [piece for part in parts for piece in part.pieces])


def _without(challenge: Challenge, hidden: frozenset[str]) -> Challenge:
    return replace(challenge, goals=tuple(goal for goal in challenge.goals if goal.id not in hidden))


def _definitions(catalogue: Catalogue) -> dict[str, bytes]:
    return {goal.id: definition(goal) for goal in catalogue.goals.values()}


def challenge_fields(challenge: Challenge) -> bytes:
    """Encode all fields of a challenge but the goals."""
    return challenge_pb2.Challenge(
        challenge_id=challenge.id,
        name=challenge.name,
        description=challenge.description,
        meta=dict(challenge.meta),
        select_count=0 if challenge.pool is None else challenge.pool.select,
        rerolls=0 if challenge.pool is None else challenge.pool.rerolls,
        max_active=challenge.max_active or 0,
        cooldown=Duration(seconds=challenge.cooldown // SECOND) if challenge.cooldown else None,
    ).SerializeToString()


def _challenge_id(challenge: Challenge) -> bytes:
    return challenge_pb2.Challenge(challenge_id=challenge.id).SerializeToString()
