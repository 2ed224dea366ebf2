"""The generator's input and output."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

CALL_TIMEOUT_S = 10.0
"""Deadline of each call, and limit of the wait for the last responses."""

GENERATOR = "generator"
"""Name of the generator's own CPU time in `Played.cpu_s`."""
MACHINE = "machine"
"""Name of the busy time of all cores together in `Played.cpu_s`."""

NO_RESPONSE = -3
"""Code of a call without a response at the end of the run."""


@dataclass(frozen=True, kw_only=True)
class OpenLoop:
    """Calls at a fixed rate, whether or not earlier ones have ended."""

    rate: float
    connections: int = 4
    callers: int | None = None
    """Maximum number of calls in flight; a call that falls due while all callers are busy is made when one is free."""


@dataclass(frozen=True, kw_only=True)
class ClosedLoop:
    """A fixed number of calls in flight, enough to saturate the server."""

    in_flight: int
    connections: int = 4
    streams: int = 0
    """Number of streams on which requests are sent as messages; 0: each request is a call of its own."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """The way in which callers connect, and who they say they are."""

    authorizations: Sequence[str] = ()
    """Values of the header `authorization`, used by calls in turn; empty: none is sent."""
    trusting: ssl.SSLContext | None = None
    """Connect by TLS, with this trust; None: plaintext."""


class RunLength(NamedTuple):
    """The length of a run, in seconds."""

    warm_up_s: float
    measured_s: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run against servers on this machine."""

    ports: Sequence[int]
    methods: Sequence[tuple[int, str]]
    """Pairs of an index into `ports` and a full name such as `challenge.v1.EventService/ReportEvent`."""
    requests: Sequence[tuple[int, bytes]]
    """Pairs of an index into `methods` and an encoded message, sent in order."""
    pace: OpenLoop | ClosedLoop
    length: RunLength
    repeat: bool = False
    """Start again after the last request, instead of ending the run."""
    processes: Mapping[str, int] = field(default_factory=dict)
    """Processes whose CPU time is measured, by name."""
    manner: Manner = Manner()
    keep_every: Sequence[int]
    """Which responses are kept, by method: those of requests whose number it divides; 0 for none."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """The result of a run. Requests are numbered from 0 in the order in which they were sent."""

    methods: Sequence[int]
    """The method of each request, as an index into the plan's."""
    codes: Sequence[int]
    """gRPC's status code of each request that was sent; below 0 if there is none."""
    latencies_us: Sequence[int]
    """From the instant at which the request was *due* to the end of its response, however late it was sent: a server
    that stalls is charged for the calls that waited behind the stall (no coordinated omission)."""
    responses: Mapping[int, bytes]
    """The responses that were kept, by the number of their request."""
    first: int
    last: int
    """The requests that were due in the measured interval: `first` up to, not including, `last`."""
    interval_s: float
    """The measured interval."""
    succeeded: int
    """Calls that succeeded within the interval, whenever they began."""
    cpu_s: Mapping[str, float]
    """CPU time in the interval of the plan's processes with their descendants, of the generator, and of the machine."""
    late_us: Sequence[int]
    """Delay with which each request of the interval was sent: the generator's own share of the latency."""
    response_bytes: int
    """Total length of the responses received in the interval."""
    messages: Mapping[int, str]
    """The first error message for each code."""
