"""Delivery to the game's own gRPC service, `challenge.reward.v1`; the comments of its proto are the contract."""

from __future__ import annotations

import grpc
from challenge.reward.v1 import reward_provider_pb2 as rpc
from challenge.reward.v1.reward_provider_pb2_grpc import RewardProviderServiceStub
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from grpc_status import rpc_status

from shared.domain.claims import RefusalReason
from shared.domain.goal import RewardType
from shared.domain.grants import RETRY_AFTER_MAX, Answer, Delivery, Granted, Refused, TryAgain
from shared.domain.instant import LIFETIME_START, SECOND, Instant, Microseconds

REWARD_TYPES = {kind: rpc.RewardType.Value(f"REWARD_TYPE_{kind.name}") for kind in RewardType}
REFUSAL_REASONS = {rpc.RefusalReason.Value(f"REFUSAL_REASON_{reason.name}"): reason for reason in RefusalReason}

_OPTIONS = (
    # The delivery queue retries, later and counted.
    ("grpc.enable_retries", 0),
    # A proxy in the environment (`http_proxy`) is meant for other traffic.
    ("grpc.enable_http_proxy", 0),
    # A recovered provider is noticed within the breaker's longest pause.
    ("grpc.max_reconnect_backoff_ms", 10_000),
    ("grpc.max_receive_message_length", 64 * 1024),
)


class GameServiceProvider:
    """A client of one service. Threads share its channel."""

    def __init__(self, target: str, *, timeout_s: float) -> None:
        """Set up the channel to `target`, a host and port; `timeout_s` bounds a whole attempt."""
        self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        self._stub = RewardProviderServiceStub(self._channel)
        self._timeout_s = timeout_s

    def grant(self, delivery: Delivery) -> Answer:
        """Make one attempt."""
        try:
            response = self._stub.Grant(_request(delivery), timeout=self._timeout_s)
        except grpc.RpcError as error:
            return _failure(error)
        answer = _outcome(response)
        return TryAgain("the response has no outcome or an unknown refusal reason") if answer is None else answer

    def find(self, delivery: Delivery) -> Answer | None:
        """Return the outcome of an earlier attempt if the game knows it."""
        try:
            response = self._stub.GetGrant(rpc.GetGrantRequest(grant_id=delivery.grant_id), timeout=self._timeout_s)
        except grpc.RpcError:
            return None
        return _outcome(response)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def _request(delivery: Delivery) -> rpc.GrantRequest:
    reward, start = delivery.reward, delivery.key.period_start
    return rpc.GrantRequest(
        grant_id=delivery.grant_id,
        user_id=delivery.key.user_id,
        goal_id=delivery.key.goal_id,
        reward=rpc.Reward(type=REWARD_TYPES[reward.type], reward_id=reward.id, quantity=reward.quantity),
        claim_time=_timestamp(delivery.claim_time),
        attempt=delivery.attempt,
        period_start=None if start == LIFETIME_START else _timestamp(start),
    )


def _timestamp(instant: Instant) -> Timestamp:
    seconds, microseconds = divmod(instant, SECOND)
    return Timestamp(seconds=seconds, nanos=microseconds * 1_000)


def _outcome(response: rpc.GrantResponse | rpc.GetGrantResponse) -> Answer | None:
    match response.WhichOneof("outcome"):
        case "granted":
            return Granted()
        case "refusal":
            reason = REFUSAL_REASONS.get(response.refusal.reason)
            return None if reason is None else Refused(reason)
    return None


def _failure(error: grpc.RpcError) -> TryAgain:
    # Errors raised by a stub are also Calls, but their type does not say so.
    assert isinstance(error, grpc.Call)  # noqa: S101
    return TryAgain(f"{error.code().name}: {error.details()}", _retry_after(error))


def _retry_after(error: grpc.Call) -> Microseconds:
    """Return the pause requested in the error details; 0 if there is none or it is malformed."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return 0
    for packed in status.details if status is not None else ():
        if packed.Is(RetryInfo.DESCRIPTOR):
            delay = RetryInfo.FromString(packed.value).retry_delay
            asked: Microseconds = delay.seconds * SECOND + delay.nanos // 1_000
            return max(0, min(asked, RETRY_AFTER_MAX))
    return 0
