"""Judging callers before anything of their call is received.

`CallerGate` judges by the headers and the certificate of a connection, in the thread with which gRPC accepts calls: a
remembered credential costs a few microseconds there, and one that is new some hundred. A refused call gets no thread,
and no memory for its request. The role is judged at the same time. Which player a call names is in its request, so that
is judged after parsing (`shared.rpc.call_layers`).

A stream is judged again every `SWEEP_INTERVAL_S`: it ends with its token, or once its caller is no longer accepted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

import grpc

from shared.domain.access import Access, Caller, Callers, Credentials
from shared.domain.caller_errors import CallerLimitReached, CredentialExpired
from shared.domain.caller_limits import NO_LIMITS, Limit
from shared.domain.errors import ChallengeError
from shared.rpc.call_pool import SUBMITTED
from shared.rpc.call_telemetry import MethodTelemetry
from shared.rpc.caller_quotas import EVENTS_IN, CallerQuotas
from shared.rpc.grpc_internals import ServerCall
from shared.rpc.late_refusals import LateRefusals
from shared.rpc.statuses import status_of
from shared.runtime.telemetry import Telemetry

log = logging.getLogger(__name__)

SWEEP_INTERVAL_S = 0.5


class Sweepable(Protocol):
    """A pool of streams."""

    def end_unwelcome(self, judge: Callable[[ServerCall], grpc.Status | None]) -> None:
        """End the streams for which `judge` returns a status."""


class CallerGate:
    """The judge of all calls of a server."""

    def __init__(self, callers: Callers, telemetry: Telemetry) -> None:
        self.callers = callers
        self._refused = telemetry.counter(
            "rpc_callers_refused",
            "Calls and streams that were refused or ended because of their caller.",
            labels=("reason",),
        )
        self.quotas = CallerQuotas(telemetry)
        self.late_refusals = LateRefusals()
        self._swept = callers.generation
        self._stopped = threading.Event()
        self._pools: Sequence[Sweepable] = ()
        self._thread = threading.Thread(target=self._sweep, name="callers", daemon=True)

    def start(self, pools: Sequence[Sweepable]) -> None:
        """Start judging the open streams of these pools again and again."""
        self._pools = pools
        self._thread.start()
        self.late_refusals.start()

    def stop(self) -> None:
        """Stop."""
        self._stopped.set()
        self._thread.join()
        self.late_refusals.stop()

    def identify(self, call: ServerCall) -> Caller | ChallengeError:
        """Return the caller of a new call, and note it with the call; or return the error with which the call ends."""
        authorizations = call.authorizations
        names = () if authorizations else call.certificate_names
        call.credentials = Credentials(authorizations, names, call.peer)
        judged = self.callers.judge(call.credentials)
        if isinstance(judged, Caller):
            call.caller = judged
        return judged

    def count(self, error: ChallengeError) -> None:
        """Count a refusal."""
        self._refused.labels(error.reason).inc()

    def _sweep(self) -> None:
        while not self._stopped.wait(SWEEP_INTERVAL_S):
            try:
                generation = self.callers.generation
                judge = partial(self._unwelcome, time.time(), generation != self._swept)
                for pool in self._pools:
                    pool.end_unwelcome(judge)
                self._swept = generation
            except Exception:
                log.exception("unhandled exception while judging callers of streams")

    def _unwelcome(self, now: float, have_changed: bool, call: ServerCall) -> grpc.Status | None:
        """Return the status with which a stream must end; None if its caller is still accepted."""
        caller, credentials = call.caller, call.credentials
        if caller is None or credentials is None:
            return None
        error: ChallengeError | None = None
        if now >= caller.expires_s:
            error = CredentialExpired("the token has expired")
        elif have_changed:
            judged = self.callers.judge(credentials)
            if isinstance(judged, ChallengeError):
                error = judged
            elif caller.roles <= judged.roles and caller.player == judged.player:
                call.caller = judged
            else:
                error = CredentialExpired("the roles of the caller have changed")
        if error is None:
            return None
        self.count(error)
        return status_of(error, "stream")


class MethodGate:
    """Admits calls of one method: authentication, role, limits."""

    def __init__(
        self,
        gate: CallerGate,
        name: str,
        access: Access | None,
        measured: MethodTelemetry | None,
        counts_as: Limit = Limit.CALLS,
    ) -> None:
        """`name` is the method's full name; `access` is None if any caller that is accepted may call it."""
        self._counts_as = counts_as
        self._has_events = name.partition("/")[2] in EVENTS_IN and counts_as is Limit.CALLS
        self._gate = gate
        self._name = name
        self._access = access
        self._measured = measured

    def admits(self, call: ServerCall) -> bool:
        """Return whether the caller may call the method. If not, the call is ended."""
        try:
            refusal = self._refusal(call)
        except Exception as error:
            # Raised here, it would end the thread with which gRPC accepts calls, and so the server.
            call.end(status_of(error, self._name))
            return False
        if refusal is None:
            return True
        status = status_of(refusal, self._name)
        is_limit = isinstance(refusal, CallerLimitReached)
        self._gate.count(refusal)
        if self._measured is not None:
            self._measured.failed(status.code, 0.0, by_caller=is_limit)
        if is_limit:
            self._gate.late_refusals.refuse(call, status)
        else:
            call.end(status)
        return False

    def _refusal(self, call: ServerCall) -> ChallengeError | None:
        """Return the error with which a new call ends; None if it may go on."""
        judged = self._gate.identify(call)
        if isinstance(judged, ChallengeError):
            return judged
        refusal = self._access.refusal_of(judged) if self._access is not None else None
        quotas = self._gate.quotas
        if refusal is None and self._has_events:
            # A caller in debt is refused before its events are received.
            refusal = quotas.refusal(judged, Limit.EVENTS, 0.0)
        return refusal or quotas.refusal(judged, self._counts_as)

    def as_caller(self, call: ServerCall, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method as the call's caller may call it: for one player only, or within limits."""
        caller = call.caller
        if caller is None or (caller.player is None and caller.limits is NO_LIMITS):
            return method
        return partial(method, caller=caller)


class StreamTaker(Protocol):
    """A pool that runs streams."""

    def take(self, call: ServerCall, run: Callable[[], object]) -> None:
        """Run the stream of a call now or when its turn comes."""


class GuardedStreams(ThreadPoolExecutor):
    """The executor of a streaming method. Its gate admits streams before they wait for a thread of the pool."""

    def __init__(self, pool: StreamTaker, gate: MethodGate) -> None:
        # An executor has at least one thread. It is never started.
        super().__init__(1)
        self._pool = pool
        self._gate = gate

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a stream if its caller is accepted. The returned future is shared and says nothing about this stream."""
        _respond, rpc_event, state, *_ = args
        call = ServerCall(rpc_event, state)
        if self._gate.admits(call):
            self._pool.take(call, partial(fn, *args, **kwargs))
        return SUBMITTED
