"""Delivery to the game's own gRPC service, `challenge.reward.v1`; the comments of its proto are the contract."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from challenge.reward.v1 import reward_provider_pb2 as rpc
from challenge.reward.v1.reward_provider_pb2_grpc import RewardProviderServiceStub
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from grpc_status import rpc_status

from shared.domain.claims import RefusalReason
from shared.domain.grants import RETRY_AFTER_MAX, Delivery, Granted, Refused, Reply, TryAgain
from shared.domain.instant import LIFETIME_START, SECOND, Instant, Microseconds
from shared.domain.reward import RewardType
from shared.runtime.file_watch import FileWatch
from shared.runtime.tls_material import TlsMaterial

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

    def __init__(self, target: str, *, timeout_s: float, tls: FileWatch[TlsMaterial] | None = None) -> None:
        """Set up the channel to `target`, a host and port; `timeout_s` bounds a whole attempt.

        With `tls` the channel uses TLS, and another one takes its place when the files change.
        """
        self._target = target
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._channel = _Channel(target, None if tls is None else tls.current)
        if tls is not None:
            tls.on_change(self._replace_channel)

    def grant(self, delivery: Delivery) -> Reply:
        """Make one attempt."""
        try:
            with self._stub() as stub:
                response = stub.Grant(_request(delivery), timeout=self._timeout_s)
        except grpc.RpcError as error:
            return _failure(error)
        reply = _outcome(response)
        return TryAgain("the response has no outcome or an unknown refusal reason") if reply is None else reply

    def find(self, delivery: Delivery) -> Reply | None:
        """Return the outcome of an earlier attempt if the game knows it."""
        try:
            with self._stub() as stub:
                response = stub.GetGrant(rpc.GetGrantRequest(grant_id=delivery.grant_id), timeout=self._timeout_s)
        except grpc.RpcError:
            return None
        return _outcome(response)

    def close(self) -> None:
        """Close the channel."""
        self._channel.channel.close()

    @contextmanager
    def _stub(self) -> Iterator[RewardProviderServiceStub]:
        """Yield a stub of the current channel, which stays open while the block runs."""
        with self._lock:
            used = self._channel
            used.calls += 1
        try:
            yield used.stub
        finally:
            with self._lock:
                used.calls -= 1
                is_last = used is not self._channel and not used.calls
            if is_last:
                used.channel.close()

    def _replace_channel(self, material: TlsMaterial) -> None:
        """Use another channel from now on. The last call on the one before closes it."""
        following = _Channel(self._target, material)
        with self._lock:
            before, self._channel = self._channel, following
            is_idle = not before.calls
        if is_idle:
            before.channel.close()


class _Channel:
    """A channel and the number of calls on it."""

    def __init__(self, target: str, material: TlsMaterial | None) -> None:
        if material is None:
            self.channel = grpc.insecure_channel(target, options=_OPTIONS)
        else:
            # Channels to one target with equal options would share their connections, whatever certificate they show.
            options = (*_OPTIONS, ("grpc.use_local_subchannel_pool", 1))
            self.channel = grpc.secure_channel(target, _credentials(material), options=options)
        self.stub = RewardProviderServiceStub(self.channel)
        self.calls = 0


def _credentials(material: TlsMaterial) -> grpc.ChannelCredentials:
    identity = material.identity
    if identity is None:
        return grpc.ssl_channel_credentials(material.authorities)
    return grpc.ssl_channel_credentials(material.authorities, identity.private_key, identity.certificate)


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
