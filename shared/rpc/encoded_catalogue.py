"""A catalogue as encoded messages, into which a player's fields are spliced.

Building the 500 messages of a list costs Python 2.6 ms, and what is in them is the same for all players but for a few
fields of a few goals. So every goal is encoded once for each catalogue version, and a call appends the player's fields
to the goals that differ. All goals are answered this way; a property test holds it against plainly built messages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from challenge.v1 import challenge_pb2

from shared.domain.catalogue import Catalogue, Challenge, Counting, Goal, Reward, RewardType, Source, Stat
from shared.domain.progress import GoalState, GoalStatus, PlayerView, goal_status
from shared.rpc.edition import Edition, Statuses
from shared.rpc.wire import nested_tag, number, number_tag, timestamp

SOURCES = {
    Source.LOGIN: challenge_pb2.SOURCE_LOGIN,
    Source.STAT: challenge_pb2.SOURCE_STAT,
}
COUNTINGS = {
    Counting.LATEST: challenge_pb2.COUNTING_LATEST,
    Counting.HIGHEST: challenge_pb2.COUNTING_HIGHEST,
    Counting.SUM: challenge_pb2.COUNTING_SUM,
    Counting.EVENTS: challenge_pb2.COUNTING_EVENTS,
    Counting.DAYS: challenge_pb2.COUNTING_DAYS,
}
REWARD_TYPES = {
    RewardType.ITEM: challenge_pb2.REWARD_TYPE_ITEM,
    RewardType.WALLET: challenge_pb2.REWARD_TYPE_WALLET,
}
GOAL_STATES = {
    GoalState.NOT_STARTED: challenge_pb2.GOAL_STATE_NOT_STARTED,
    GoalState.IN_PROGRESS: challenge_pb2.GOAL_STATE_IN_PROGRESS,
    GoalState.COMPLETED: challenge_pb2.GOAL_STATE_COMPLETED,
    GoalState.CLAIMED: challenge_pb2.GOAL_STATE_CLAIMED,
}

_GOAL = challenge_pb2.Goal.DESCRIPTOR
_ACTIVE = number_tag(_GOAL, "active")
_LOCKED = number_tag(_GOAL, "locked")
_STATE = number_tag(_GOAL, "state")
_PROGRESS = number_tag(_GOAL, "progress")
_ASSIGN_TIME = nested_tag(_GOAL, "assign_time")
_COMPLETE_TIME = nested_tag(_GOAL, "complete_time")
_CLAIM_TIME = nested_tag(_GOAL, "claim_time")
_OCCURRENCE = number(number_tag(_GOAL, "occurrence"), 1)

_UNTOUCHED = PlayerView({}, {}, {})
"""A player of whom nothing is stored."""


def reward_message(reward: Reward) -> challenge_pb2.Reward:
    """A reward as callers see it."""
    return challenge_pb2.Reward(type=REWARD_TYPES[reward.type], reward_id=reward.id, quantity=reward.quantity)


class EncodedCatalogue:
    """One catalogue version, encoded in two editions: everything, and without what the definitions say."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._default_goals: dict[Stat, list[Goal]] = defaultdict(list)
        for goal in catalogue.default_goals:
            self._default_goals[goal.stat].append(goal)
        self._dependents: dict[str, list[Goal]] = defaultdict(list)
        for goal in catalogue.goals.values():
            for required in goal.requires:
                self._dependents[required].append(goal)
        untouched = {goal.id: goal_status(goal, _UNTOUCHED, catalogue) for goal in catalogue.goals.values()}
        self._full = Edition(
            catalogue,
            challenge_fields=_challenge_fields,
            goal_fields=_goal_fields,
            player_fields=_player_fields,
            untouched=untouched,
        )
        self._light = Edition(
            catalogue,
            challenge_fields=_challenge_id,
            goal_fields=_goal_id,
            player_fields=_player_fields,
            untouched=untouched,
        )

    def statuses(self, view: PlayerView) -> dict[str, GoalStatus]:
        """The goals on which what is stored of the player may bear. All others are as for an untouched player."""
        catalogue = self.catalogue
        touched: dict[str, Goal] = {
            goal.id: goal for stat in view.tallies for goal in self._default_goals.get(stat, ())
        }
        for goal_id in (*view.assignments, *view.completions):
            goal = catalogue.goals.get(goal_id)
            if goal is not None:
                touched[goal_id] = goal
        for goal_id in self._dependents.keys() & touched.keys():
            for dependent in self._dependents[goal_id]:
                touched[dependent.id] = dependent
        return {goal_id: goal_status(goal, view, catalogue) for goal_id, goal in touched.items()}

    def challenges(
        self, challenges: Iterable[Challenge], statuses: Statuses, active_only: bool, *, light: bool = False
    ) -> Iterator[tuple[Challenge, bytes]]:
        """The challenges as `Challenge` messages; with `active_only` without inactive goals and empty challenges.

        The light edition is for callers who have this catalogue version: of a challenge it has the id and the goals, of
        a goal the id and the fields that are the player's.
        """
        return (self._light if light else self._full).challenges(challenges, statuses, active_only)

    def goal(self, goal: Goal, statuses: Statuses) -> bytes:
        """A `Goal` message."""
        return self._full.goal(goal.id, statuses)

    def active_goals(self, statuses: Statuses) -> list[bytes]:
        """The player's active goals as `Goal` messages, in the catalogue's order."""
        active = {goal.id for goal in self.catalogue.default_goals if goal.id not in statuses}
        active.update(goal_id for goal_id, status in statuses.items() if status.active)
        return [self._full.goal(goal_id, statuses) for goal_id in self.catalogue.goals if goal_id in active]


def _challenge_fields(challenge: Challenge) -> bytes:
    """All fields but the goals."""
    return challenge_pb2.Challenge(
        challenge_id=challenge.id, name=challenge.name, description=challenge.description
    ).SerializeToString()


def _challenge_id(challenge: Challenge) -> bytes:
    return challenge_pb2.Challenge(challenge_id=challenge.id).SerializeToString()


def _goal_id(goal: Goal) -> bytes:
    return challenge_pb2.Goal(goal_id=goal.id).SerializeToString()


def _goal_fields(goal: Goal) -> bytes:
    """What is the same for all players, and therefore nothing that may be absent for one of them."""
    return challenge_pb2.Goal(
        goal_id=goal.id,
        challenge_id=goal.challenge_id,
        name=goal.name,
        description=goal.description,
        requirement=challenge_pb2.Requirement(
            source=SOURCES[goal.stat.source],
            stat_code=goal.stat.code,
            counting=COUNTINGS[goal.counting],
            target=goal.target,
        ),
        reward=reward_message(goal.reward),
        prerequisite_goal_ids=goal.requires,
        target=goal.target,
        points=goal.points,
        tags=goal.tags,
    ).SerializeToString()


def _player_fields(status: GoalStatus) -> bytes:
    """The fields of a goal that are the player's, in the order of their numbers."""
    return b"".join(
        (
            number(_ACTIVE, status.active),
            number(_LOCKED, status.locked),
            number(_STATE, GOAL_STATES[status.state]),
            number(_PROGRESS, status.progress),
            timestamp(_ASSIGN_TIME, status.assign_time),
            timestamp(_COMPLETE_TIME, status.complete_time),
            timestamp(_CLAIM_TIME, status.claim_time),
            _OCCURRENCE,
        )
    )
