"""Delivery to the game's own gRPC service, `challenge.reward.v1`; the comments of its proto are the contract."""

from __future__ import annotations

import grpc
from challenge.reward.v1 import reward_provider_pb2 as rpc
from challenge.reward.v1.reward_provider_pb2_grpc import RewardProviderServiceStub
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.claims import RefusalReason
from shared.domain.grants import RETRY_AFTER_MAX, Delivery, Granted, Refused, Reply, TryAgain
from shared.domain.instant import LIFETIME_START, SECOND, Instant
from shared.domain.reward import RewardType
from shared.runtime.file_watch import FileWatch
from shared.runtime.outgoing_channel import OutgoingChannel, retry_delay
from shared.runtime.tls_material import TlsMaterial

REWARD_TYPES = {kind: rpc.RewardType.Value(f"REWARD_TYPE_{kind.name}") for kind in RewardType}
REFUSAL_REASONS = {rpc.RefusalReason.Value(f"REFUSAL_REASON_{reason.name}"): reason for reason in RefusalReason}

_OPTIONS = (
    # A recovered provider is noticed within the breaker's longest pause.
    ("grpc.max_reconnect_backoff_ms", 10_000),
    ("grpc.max_receive_message_length", 64 * 1024),
)


class GameServiceProvider:
    """A client of one service. Threads share its channel."""

    def __init__(self, target: str, *, timeout_s: float, tls: FileWatch[TlsMaterial] | None = None) -> None:
        """Set up the channel to `target`, a host and port; `timeout_s` bounds a whole attempt.

        With `tls` the channel uses TLS, and another one takes its place when the files change.
        """
        self._timeout_s = timeout_s
        self._channel = OutgoingChannel(target, RewardProviderServiceStub, options=_OPTIONS, tls=tls)

    def grant(self, delivery: Delivery) -> Reply:
        """Make one attempt."""
        try:
            with self._channel.stub() as stub:
                response = stub.Grant(_request(delivery), timeout=self._timeout_s)
        except grpc.RpcError as error:
            return _failure(error)
        reply = _outcome(response)
        return TryAgain("the response has no outcome or an unknown refusal reason") if reply is None else reply

    def find(self, delivery: Delivery) -> Reply | None:
        """Return the outcome of an earlier attempt if the game knows it."""
        try:
            with self._channel.stub() as stub:
                response = stub.GetGrant(rpc.GetGrantRequest(grant_id=delivery.grant_id), timeout=self._timeout_s)
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


def _outcome(response: rpc.GrantResponse | rpc.GetGrantResponse) -> Reply | None:
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
    return TryAgain(f"{error.code().name}: {error.details()}", min(retry_delay(error), RETRY_AFTER_MAX))
