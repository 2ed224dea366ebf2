"""How a goal is encoded: what the catalogue says of it once, what is a player's for each player."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from challenge.v1 import challenge_pb2

from shared.domain.catalogue import Counting, Goal, Reward, RewardType, Source
from shared.domain.progress import GoalState, GoalStatus
from shared.rpc.wire import TimestampEncoder, nested_tag, number, number_tag, varint

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

BEGINNINGS_CACHED_MAX = 32_768
"""Of each encoder, at most some 15 MB."""


def reward_message(reward: Reward) -> challenge_pb2.Reward:
    """A reward as callers see it."""
    return challenge_pb2.Reward(type=REWARD_TYPES[reward.type], reward_id=reward.id, quantity=reward.quantity)


def definition(goal: Goal) -> bytes:
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


def id_alone(goal: Goal) -> bytes:
    """Of what is the same for all players, the id."""
    return challenge_pb2.Goal(goal_id=goal.id).SerializeToString()


class GoalEncoder:
    """Encodes goals as fields of a message."""

    def __init__(self, tag: bytes, definitions: Mapping[str, bytes]) -> None:
        """`tag` is the field's; `definitions` has, by goal id, what is the same for all players, encoded."""
        self._tag = tag
        self._definitions = definitions
        # All but the instants, which hardly two players have in common.
        self._beginning = lru_cache(BEGINNINGS_CACHED_MAX)(self._encode_beginning)

    def field(self, goal_id: str, status: GoalStatus, encode_timestamp: TimestampEncoder) -> bytes:
        """The goal as a player has it; the player's fields in the order of their numbers."""
        active, locked, state, progress, assign_time, complete_time, claim_time = status
        rest = _OCCURRENCE
        if claim_time is not None:
            rest = encode_timestamp(_CLAIM_TIME, claim_time) + rest
        if complete_time is not None:
            rest = encode_timestamp(_COMPLETE_TIME, complete_time) + rest
        if assign_time is not None:
            rest = encode_timestamp(_ASSIGN_TIME, assign_time) + rest
        return self._beginning(goal_id, active, locked, state, progress, len(rest)) + rest

    def _encode_beginning(
        self, goal_id: str, active: bool, locked: bool, state: GoalState, progress: int, rest_length: int
    ) -> bytes:
        """The field up to the rest of it."""
        message = b"".join(
            (
                self._definitions[goal_id],
                number(_ACTIVE, active),
                number(_LOCKED, locked),
                number(_STATE, GOAL_STATES[state]),
                number(_PROGRESS, progress),
            )
        )
        return self._tag + varint(len(message) + rest_length) + message
