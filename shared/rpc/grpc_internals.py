"""The parts of grpcio's synchronous server that have no public interface. Only this module uses them.

The public interface hands a call to a thread before its request has arrived, and only that thread can end the call with
a status. A caller that sends headers and no request could thus hold a thread forever. Here a request is received before
the call gets a thread, and any thread can end a call. There is no public way to any of it:

- `ServicerContext` has `abort`, `cancel`, `add_callback` and `peer`, but exists only once the call has its thread, and
  `abort` works only in that thread.
- A server interceptor sees the method and the metadata of a call, not the call.
- The maximum number of concurrent calls is a public option, but refuses those beyond it, whoever holds the others.

The exact version of grpcio is pinned. `tests/rpc/test_grpc_internals.py` fails if a new version has other parts, and
`tests/rpc/test_slow_callers.py` if it works differently.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

import grpc
from grpc import _server
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from shared.domain.access import Caller, Credentials


class _Left(grpc.RpcError):
    """The error with which a method leaves a call that has ended.

    gRPC sends no status for an error that is in the call's list. Any of these equals any other, so that the list need
    not hold the raised one: its traceback refers back to the call, which would live until the next garbage collection,
    and count against the streams that its connection may open.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Left)

    def __hash__(self) -> int:
        return hash(_Left)


_LEFT: Final = _Left()


class ServerCall:
    """A call that gRPC has accepted."""

    __slots__ = (
        "_peer",
        "_rpc_event",
        "_state",
        "caller",
        "cancelled_at",
        "credentials",
        "has_ended",
        "responded_at",
        "unread_bytes",
        "waiting_since",
    )

    def __init__(self, rpc_event: Any, state: Any) -> None:
        """`rpc_event` and `state` as gRPC submits them to an executor."""
        self._rpc_event = rpc_event
        self._state = state
        self._peer = ""
        self.caller: Caller | None = None
        """The caller, once it is known; None where callers are not judged."""
        self.credentials: Credentials | None = None
        """The proof of who it is."""
        self.waiting_since = 0.0
        """When it began to wait for its request, on the monotonic clock in seconds."""
        self.responded_at = 0.0
        """When its response was first seen to be complete, on the monotonic clock in seconds; 0 before."""
        self.cancelled_at = 0.0
        """When it was cancelled because its response was not read, on the monotonic clock in seconds; 0 before."""
        self.unread_bytes = 0
        """The size of its response, if that is counted until it is read."""
        self.has_ended = False
        """True once its end was noted."""

    @property
    def peer(self) -> str:
        """The connection: the caller's address and port. Empty if the call was cancelled before this is first read."""
        if not self._peer:
            self._peer = self._rpc_event.call.peer().decode("utf-8", "replace")
        return self._peer

    @property
    def authorizations(self) -> list[str]:
        """The values of the header `authorization`."""
        return [value for key, value in self._rpc_event.invocation_metadata if key == "authorization"]

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """The subject alternative names of the certificate that the connection has shown; empty without one."""
        if cygrpc.peer_identity_key(self._rpc_event.call) != b"x509_subject_alternative_name":
            return ()
        return tuple(name.decode("utf-8", "replace") for name in cygrpc.peer_identities(self._rpc_event.call))

    @property
    def is_active(self) -> bool:
        """True until the call has ended or its caller has given it up."""
        return bool(_server._is_rpc_state_active(self._state))

    @property
    def has_responded(self) -> bool:
        """True once the server has sent its status, whether or not the caller has read it."""
        return bool(self._state.statused)

    def receive(self, received: Callable[[bytes | None], None]) -> bool:
        """Call `received` with the request, or with None if the call ended without one. Return False if it has ended.

        It runs in the thread with which gRPC serves all calls, and must not raise or wait.
        """

        def on_message(event: Any) -> Any:
            received(_server._serialized_request(event))
            with self._state.condition:
                return _server._possibly_finish_call(self._state, _server._RECEIVE_MESSAGE_TOKEN)

        with self._state.condition:
            if not _server._is_rpc_state_active(self._state):
                return False
            self._rpc_event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), on_message)
            self._state.due.add(_server._RECEIVE_MESSAGE_TOKEN)
            return True

    def on_end(self, ended: Callable[[], None]) -> bool:
        """Call `ended` once the call is over and its status is written or its caller gone. Return False if it is."""
        with self._state.condition:
            if self._state.callbacks is None:
                return False
            self._state.callbacks.append(ended)
            return True

    def end(self, status: grpc.Status) -> bool:
        """End the call with a status. Return False if it has ended already."""
        state = self._state
        with state.condition:
            if not _server._is_rpc_state_active(state):
                return False
            state.trailing_metadata = status.trailing_metadata
            state.code, state.details = status.code, status.details.encode()
            _server._abort(state, self._rpc_event.call, cygrpc.StatusCode.unknown, b"")
            return True

    def cancel(self) -> None:
        """Drop the call. The caller sees CANCELLED, if it sees anything.

        What is buffered for it stays in memory as long as a write to its connection is under way.
        """
        self._rpc_event.call.cancel()

    def leave_ended(self) -> NoReturn:
        """Leave a method whose call was ended by `end`, so that gRPC does not send a second status."""
        with self._state.condition:
            self._state.rpc_errors.append(_LEFT)
        raise _Left
