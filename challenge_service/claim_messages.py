"""Claims as messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.claim_periods import PeriodStatus
from shared.domain.claims import Claim, ClaimState, RefusalReason
from shared.domain.instant import LIFETIME_START, Instant, Period
from shared.domain.rewards import open_rewards
from shared.domain.schedules import LIFETIME, Schedule
from shared.operations.rewards.claim_all import GoalClaim
from shared.operations.rewards.find_claims import FoundClaim
from shared.operations.rewards.queue_position import Position
from shared.rpc.goal_encoding import reward_message
from shared.rpc.instants import period_message, timestamp_message

CLAIM_STATES = {state: challenge_pb2.ClaimState.Value(f"CLAIM_STATE_{state.name}") for state in ClaimState}
STATES_OF_CLAIMS = {number: state for state, number in CLAIM_STATES.items()}
REFUSAL_REASONS: dict[RefusalReason | None, challenge_pb2.RefusalReason.ValueType] = {
    None: challenge_pb2.REFUSAL_REASON_UNSPECIFIED,
    **{reason: challenge_pb2.RefusalReason.Value(f"REFUSAL_REASON_{reason.name}") for reason in RefusalReason},
}


def claim_message(claim: Claim) -> challenge_pb2.Claim:
    """Return a claim as a message."""
    return challenge_pb2.Claim(
        state=CLAIM_STATES[claim.state],
        # The database has no values for the game.
        reward=reward_message(replace(claim.reward, meta=()) if claim.reward.meta else claim.reward),
        grant_id=claim.grant_id,
        claim_time=timestamp_message(claim.claim_time),
        goal_id=claim.key.goal_id,
        occurrence=claim.key.occurrence,
        claim_number=claim.claim_number,
        attempts=claim.attempts,
        refusal_reason=REFUSAL_REASONS[claim.refusal],
        settle_time=None if claim.settle_time is None else timestamp_message(claim.settle_time),
        period_start=period_start_message(claim.key.period_start),
        reward_number=claim.reward_number,
    )


def period_start_message(start: Instant) -> Timestamp | None:
    """Return the start of a period as a message; None for the lifetime."""
    return None if start == LIFETIME_START else timestamp_message(start)


def goal_claim_message(result: GoalClaim) -> rpc.GoalClaim:
    """Return the outcome of `ClaimAll` for one goal in one period."""
    return rpc.GoalClaim(
        challenge_id=result.goal.challenge_id,
        goal_id=result.goal.id,
        claim=None if result.claim is None else claim_message(result.claim),
        further_claims=() if result.claim is None else map(claim_message, result.claim.further),
        newly_claimed=result.newly_claimed,
        reason="" if result.refusal is None else result.refusal.reason,
        period_start=period_start_message(result.period.start),
        occurrence=result.occurrence,
    )


def claimable_messages(found: Iterable[PeriodStatus]) -> Iterator[rpc.ClaimableReward]:
    """Yield rewards that can be claimed."""
    # Most rewards of a page are of few periods, each of which is a message of four more.
    periods: dict[tuple[Period, bool], challenge_pb2.Period] = {}
    last: Schedule | None = None
    for each in found:
        goal, period, status, stored = each
        schedule, complete_time = goal.schedule, status.complete_time
        if schedule is not last:
            last, periods = schedule, {}
        message = periods.get((period, stored))
        if message is None and schedule != LIFETIME:
            message = periods[period, stored] = period_message(schedule, period)
            if not stored:
                # In past periods only stored completions count.
                message.claim_end_time.CopyFrom(message.end_time)
        excluded = 0 if status.rewards is None else status.rewards.excluded
        reward, *further = (reward for _, reward in open_rewards(goal.rewards_of(each.occurrence), excluded))
        yield rpc.ClaimableReward(
            challenge_id=goal.challenge_id,
            goal_id=goal.id,
            reward=reward_message(reward),
            further_rewards=map(reward_message, further),
            period=message,
            complete_time=None if complete_time is None else timestamp_message(complete_time),
            occurrence=each.occurrence,
        )


def found_message(found: FoundClaim) -> rpc.GetClaimResponse:
    """Return the `GetClaimResponse` of a claim."""
    position = None if found.position is None else _position_message(found.position)
    further = map(claim_message, found.claim.further)
    return rpc.GetClaimResponse(claim=claim_message(found.claim), position=position, further_claims=further)


def _position_message(position: Position) -> challenge_pb2.QueuePosition:
    return challenge_pb2.QueuePosition(
        ahead=position.ahead, error=position.error, count_time=timestamp_message(position.count_time)
    )
