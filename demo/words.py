"""What the contract's messages are called on the screen."""

from __future__ import annotations

from challenge.v1 import challenge_pb2
from challenge.v1 import event_service_pb2 as event_rpc


def reward_words(reward: challenge_pb2.Reward) -> str:
    """Such as `1,000 COINS`."""
    return f"{reward.quantity:,} {reward.reward_id}"


def claim_word(claim: challenge_pb2.Claim) -> str:
    """Such as `GRANTED`."""
    return challenge_pb2.ClaimState.Name(claim.state).removeprefix("CLAIM_STATE_")


def verdict_word(verdict: event_rpc.Verdict.ValueType) -> str:
    """Such as `APPLIED`."""
    return event_rpc.Verdict.Name(verdict).removeprefix("VERDICT_")


def duration_words(seconds: float) -> str:
    """Such as `12.3 ms`."""
    return f"{seconds * 1_000:,.1f} ms"


def standing_word(goal: challenge_pb2.Goal) -> str:
    """The one word that tells most about where the player is with a goal: claimed, inactive, locked, or its state."""
    if goal.state == challenge_pb2.GOAL_STATE_CLAIMED:
        return "claimed"
    if not goal.active:
        return "inactive"
    if goal.locked:
        return "locked"
    return challenge_pb2.GoalState.Name(goal.state).removeprefix("GOAL_STATE_").replace("_", " ").lower()
