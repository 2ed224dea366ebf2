"""The game as a gRPC service: `challenge.reward.v1`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from challenge.reward.v1 import reward_provider_pb2 as rpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.code_pb2 import UNAVAILABLE  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status

from devstack.game.game import Failed, Game, Garbled, Gift, Outcome

SERVICE = rpc.DESCRIPTOR.services_by_name["RewardProviderService"]
THREADS = 256
"""More than any dispatcher has calls in flight: each call kept waiting takes one."""
STOP_S = 2.0
NONSENSE = b"\xff\xff\xff"

_TYPE_NAMES = {rpc.REWARD_TYPE_ITEM: "ITEM", rpc.REWARD_TYPE_WALLET: "WALLET"}


@contextmanager
def serve_grpc(game: Game, host: str, port: int) -> Iterator[int]:
    """Serve inside the `with` block and yield the port, a free one for 0. Raise `RuntimeError` if it is taken."""
    with ThreadPoolExecutor(THREADS) as pool:
        server = grpc.server(pool, [_handlers(game)], options=[("grpc.so_reuseport", 0)])
        bound = server.add_insecure_port(f"{host}:{port}")
        server.start()
        try:
            yield bound
        finally:
            # This also ends calls kept waiting.
            server.stop(None).wait(STOP_S)


def _handlers(game: Game) -> grpc.GenericRpcHandler:
    def grant(request: rpc.GrantRequest, context: grpc.ServicerContext) -> bytes:
        gone = threading.Event()
        context.add_callback(gone.set)
        reply = game.grant(_gift(request), request.attempt, gone.wait)
        match reply:
            case Failed(retry_after_s):
                context.abort_with_status(rpc_status.to_status(_bad_moment(retry_after_s)))
            case Garbled() | None:
                return NONSENSE
        return rpc.GrantResponse(granted=_granted(reply), refusal=_refusal(reply)).SerializeToString()

    def get_grant(request: rpc.GetGrantRequest, _: grpc.ServicerContext) -> bytes:
        outcome = game.grant_log.find(request.grant_id)
        if outcome is None:
            return rpc.GetGrantResponse().SerializeToString()
        return rpc.GetGrantResponse(granted=_granted(outcome), refusal=_refusal(outcome)).SerializeToString()

    # Without the generated servicer, which cannot respond with bytes that are not a message.
    return grpc.method_handlers_generic_handler(
        SERVICE.full_name,
        {
            "Grant": grpc.unary_unary_rpc_method_handler(grant, rpc.GrantRequest.FromString),
            "GetGrant": grpc.unary_unary_rpc_method_handler(get_grant, rpc.GetGrantRequest.FromString),
        },
    )


def _gift(request: rpc.GrantRequest) -> Gift:
    reward = request.reward
    return Gift(
        request.grant_id,
        request.user_id,
        request.goal_id,
        _TYPE_NAMES.get(reward.type, ""),
        reward.reward_id,
        reward.quantity,
    )


def _granted(outcome: Outcome) -> rpc.Granted | None:
    return rpc.Granted() if outcome.refusal is None else None


def _refusal(outcome: Outcome) -> rpc.Refusal | None:
    if outcome.refusal is None:
        return None
    return rpc.Refusal(reason=rpc.RefusalReason.Value(f"REFUSAL_REASON_{outcome.refusal.value}"))


def _bad_moment(retry_after_s: int) -> Status:
    status = Status(code=UNAVAILABLE, message="temporary failure")
    if retry_after_s:
        packed = Any()
        packed.Pack(RetryInfo(retry_delay=Duration(seconds=retry_after_s)))
        status.details.append(packed)
    return status
