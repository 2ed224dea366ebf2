"""The encoding of a goal: its definition once, and the player's fields for each player."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from challenge.v1 import challenge_pb2

from shared.domain.catalogue import Catalogue
from shared.domain.goal import CountedGoals, Counting, Credit, Goal, Source, written_code
from shared.domain.progress import Completion, GoalState, GoalStatus, PlayerView, best_value, goal_status, tier_states
from shared.domain.reward import REWARDS_MAX, ClaimMode, Reward, RewardType, Tier
from shared.domain.rewards import RewardsStatus, bit_of
from shared.rpc.instants import schedule_id, season_id
from shared.rpc.wire import (
    TIMESTAMP_REST_LENGTH,
    nested_tag,
    number_field,
    number_tag,
    timestamp_field,
    timestamp_tag,
    varint,
)

SOURCES = {
    Source.LOGIN: challenge_pb2.SOURCE_LOGIN,
    Source.STAT: challenge_pb2.SOURCE_STAT,
    Source.DERIVED: challenge_pb2.SOURCE_DERIVED,
    Source.GOAL: challenge_pb2.SOURCE_GOALS,
    Source.POINTS: challenge_pb2.SOURCE_POINTS,
}
COUNTINGS = {counting: challenge_pb2.Counting.Value(f"COUNTING_{counting.name}") for counting in Counting}
REWARD_TYPES = {kind: challenge_pb2.RewardType.Value(f"REWARD_TYPE_{kind.name}") for kind in RewardType}
CLAIM_MODES = {mode: challenge_pb2.ClaimMode.Value(f"CLAIM_MODE_{mode.name}") for mode in ClaimMode}
CREDITS = {credit: challenge_pb2.Credit.Value(f"CREDIT_{credit.name}") for credit in Credit}
GOAL_STATES = {state: challenge_pb2.GoalState.Value(f"GOAL_STATE_{state.name}") for state in GoalState}

_GOAL = challenge_pb2.Goal.DESCRIPTOR
_ACTIVE = number_tag(_GOAL, "active")
_LOCKED = number_tag(_GOAL, "locked")
_STATE = number_tag(_GOAL, "state")
_PROGRESS = number_tag(_GOAL, "progress")
_ASSIGN_TIME = timestamp_tag(_GOAL, "assign_time")
_COMPLETE_TIME = timestamp_tag(_GOAL, "complete_time")
CLAIM_TIME = timestamp_tag(_GOAL, "claim_time")
_OCCURRENCE = number_tag(_GOAL, "occurrence")
_FIRST_OCCURRENCE = number_field(_OCCURRENCE, 1)
_CLAIMABLE = number_tag(_GOAL, "claimable_occurrence")
_CURRENT_STREAK = number_tag(_GOAL, "current_streak")
_BEST_VALUE = number_tag(_GOAL, "best_value")
_TIER_STATES = nested_tag(_GOAL, "tier_states")

_STATUS_FIELDS = {
    (active, locked, state): b"".join(
        (
            number_field(_ACTIVE, active),
            number_field(_LOCKED, locked),
            number_field(_STATE, GOAL_STATES[state]),
            _FIRST_OCCURRENCE,
        )
    )
    for active in (False, True)
    for locked in (False, True)
    for state in GoalState
}


@lru_cache(1 << REWARDS_MAX)
def _rewards_fields(rewards: RewardsStatus) -> bytes:
    return challenge_pb2.Goal(
        claimed_rewards=_numbers(rewards.claimed), withheld_rewards=_numbers(rewards.withheld)
    ).SerializeToString()


def _numbers(bits: int) -> list[int]:
    return [number for number in range(1, REWARDS_MAX + 1) if bits & bit_of(number)]


def reward_message(reward: Reward) -> challenge_pb2.Reward:
    """Return the reward as a message."""
    return challenge_pb2.Reward(
        type=REWARD_TYPES[reward.type],
        reward_id=reward.id,
        quantity=reward.quantity,
        meta=dict(reward.meta),
        required_attribute=reward.requires_attribute,
    )


def _tier_message(tier: Tier) -> challenge_pb2.Tier:
    return challenge_pb2.Tier(
        tier_id=tier.id,
        target=tier.target,
        rewards=map(reward_message, tier.rewards),
        points=tier.points,
        meta=dict(tier.meta),
    )


def _tier_states(goal: Goal, view: PlayerView, status: GoalStatus) -> bytes:
    return _tier_states_field(tuple(tier_states(goal, view, status)))


@lru_cache(1_024)
def _tier_states_field(states: tuple[GoalState, ...]) -> bytes:
    return _TIER_STATES + varint(len(states)) + bytes(map(GOAL_STATES.__getitem__, states))


def definition(goal: Goal) -> bytes:
    """Encode the fields that are the same for all players. Appended fields cannot unset them."""
    return challenge_pb2.Goal(
        goal_id=goal.id,
        challenge_id=goal.challenge_id,
        name=goal.name,
        description=goal.description,
        requirement=_requirement(goal),
        reward=None if goal.tiers else reward_message(goal.reward),
        tiers=map(_tier_message, goal.tiers),
        prerequisite_goal_ids=goal.requires,
        activation_prerequisite_goal_ids=goal.requires_to_activate,
        target=goal.target,
        points=goal.points,
        tags=goal.tags,
        schedule_id=schedule_id(goal.schedule),
        suspended=goal.suspended,
        season_id=season_id(goal.schedule),
        claim_mode=CLAIM_MODES[goal.claim_mode],
        hidden=goal.hidden,
        meta=dict(goal.meta),
        further_rewards=map(reward_message, goal.further_rewards),
        credit=CREDITS[goal.credit],
    ).SerializeToString()


def _requirement(goal: Goal) -> challenge_pb2.Requirement:
    counted, derived = goal.counts or CountedGoals(), goal.derived
    # An aspect of a plain stat has a tally of its own, but players know the stat.
    stat = goal.stat if derived is None or derived.where else derived.base
    return challenge_pb2.Requirement(
        source=SOURCES[stat.source],
        stat_code=written_code(stat) if goal.counts is None else "",
        counting=COUNTINGS[goal.counting],
        target=goal.target,
        base_stat_code=derived.base.code if derived is not None and derived.where else "",
        conditions=[
            challenge_pb2.AttributeCondition(key=key, values=values)
            for key, values in (() if derived is None else derived.where)
        ],
        attribute="" if derived is None else derived.attribute,
        at_most=goal.at_most,
        counted_challenge_id=counted.challenge_id,
        counted_tag=counted.tag,
        counted_goal_ids=counted.goal_ids,
        repeat=goal.repeat if goal.repeat > 1 else 0,
        bridge_days=0 if goal.streak is None else goal.streak.bridge_days,
    )


def id_only(goal: Goal) -> bytes:
    """Encode only the id."""
    return challenge_pb2.Goal(goal_id=goal.id).SerializeToString()


UNTOUCHED = PlayerView({}, {}, {})
"""The view of a player without stored data."""


class CompletedGoalPrefix(NamedTuple):
    """The encoding, up to the completion time, of a goal with only a completion stored: the same for all players."""

    unclaimed: bytes
    """The encoding up to the completion time, which `timestamp_rests` completes."""
    claimed: bytes
    """The same of a claimed goal: the completion time is followed by `CLAIM_TIME` and the rest of the claim time."""


class GoalEncoder:
    """An encoder of players' goals as fields of a message."""

    def __init__(self, catalogue: Catalogue, tag: bytes, definitions: Mapping[str, bytes]) -> None:
        """`tag` is the field's tag; `definitions` are the encoded fields that all players share, by goal id."""
        self._catalogue = catalogue
        self._tag = tag
        self._definitions = definitions

    def field(self, goal: Goal, view: PlayerView) -> bytes:
        """Encode the goal as the player sees it."""
        return self._field(goal, view, goal_status(goal, view, self._catalogue))

    def listed_field(self, goal: Goal, view: PlayerView) -> bytes:
        """Encode the goal as lists show it; return no bytes if it is hidden and not completed."""
        status = goal_status(goal, view, self._catalogue)
        return b"" if goal.hidden and not status.once_completed else self._field(goal, view, status)

    def active_field(self, goal: Goal, view: PlayerView) -> bytes:
        """Encode the goal as lists show it; return no bytes if they do not, or if it is inactive."""
        status = goal_status(goal, view, self._catalogue)
        is_listed = status.active and (status.once_completed or not goal.hidden)
        return self._field(goal, view, status) if is_listed else b""

    def completed(self, goal: Goal) -> CompletedGoalPrefix:
        """Return the prefixes of a completed goal, which hold if it requires no other."""
        unclaimed, claimed = (
            self.field(goal, UNTOUCHED._replace(completions={goal.id: Completion(0, claim_time)}))
            for claim_time in (None, 0)
        )
        claim_length = len(CLAIM_TIME) + TIMESTAMP_REST_LENGTH
        return CompletedGoalPrefix(unclaimed[:-TIMESTAMP_REST_LENGTH], claimed[: -TIMESTAMP_REST_LENGTH - claim_length])

    def _field(self, goal: Goal, view: PlayerView, status: GoalStatus) -> bytes:
        """Return the goal as an encoded field: its definition, and then what differs from player to player."""
        active, locked, state, progress, assign_time, complete_time, claim_time, _, _, _, rewards = status
        fields = _STATUS_FIELDS[active, locked, state]
        if progress:
            fields += _PROGRESS + varint(progress)
        if assign_time is not None:
            fields += timestamp_field(_ASSIGN_TIME, assign_time)
        if complete_time is not None:
            fields += timestamp_field(_COMPLETE_TIME, complete_time)
        if claim_time is not None:
            fields += timestamp_field(CLAIM_TIME, claim_time)
        if goal.steps > 1 or goal.tiers:
            fields += _fields_of_steps(goal, view, status)
        if active and (goal.streak is not None or goal.at_most is not None):
            fields += _records(goal, view)
        if rewards is not None:
            fields += _rewards_fields(rewards)
        defined = self._definitions[goal.id]
        return b"".join((self._tag, varint(len(defined) + len(fields)), defined, fields))


def _fields_of_steps(goal: Goal, view: PlayerView, status: GoalStatus) -> bytes:
    fields = _occurrence_fields(status.occurrence, status.claimable)
    return fields + _tier_states(goal, view, status) if goal.tiers else fields


@lru_cache(1_024)
def _occurrence_fields(occurrence: int, claimable: int) -> bytes:
    # If a field is encoded twice, the last one counts.
    return number_field(_OCCURRENCE, occurrence) + number_field(_CLAIMABLE, claimable)


def _records(goal: Goal, view: PlayerView) -> bytes:
    """Encode the current streak, or the lowest value so far."""
    best = best_value(goal, view)
    # A negative number is encoded as if it were greater by 2^64.
    of_value = b"" if best is None else _BEST_VALUE + varint(best % 2**64)
    return number_field(_CURRENT_STREAK, view.streak_of(goal).current) + of_value
