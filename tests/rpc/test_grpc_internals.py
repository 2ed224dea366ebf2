"""The private parts of grpcio are those that `shared.rpc.grpc_internals` relies on; another grpcio fails here first."""

from __future__ import annotations

import inspect

import pytest
from grpc import _server
from grpc._cython import cygrpc  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("_is_rpc_state_active", ["state"]),
        ("_serialized_request", ["request_event"]),
        ("_possibly_finish_call", ["state", "token"]),
        ("_abort", ["state", "call", "code", "details"]),
        (
            "_unary_response_in_pool",
            ["rpc_event", "state", "behavior", "argument_thunk", "request_deserializer", "response_serializer"],
        ),
    ],
)
def test_functions_of_the_server_take_the_same_arguments(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(_server, name)).parameters) == parameters


def test_the_state_of_a_call_has_the_fields_that_are_read_and_set() -> None:
    fields = {"condition", "due", "callbacks", "statused", "trailing_metadata", "code", "details", "rpc_errors"}
    assert fields <= vars(_server._RPCState()).keys()  # type: ignore[no-untyped-call]


def test_requests_are_received_by_an_operation_of_the_core() -> None:
    assert hasattr(cygrpc, "ReceiveMessageOperation")
    assert hasattr(_server, "_RECEIVE_MESSAGE_TOKEN")
