"""The generator's input and output, both JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run. At least one of `rate` and `in_flight` is set."""

    host: str
    ports: list[int]
    """The servers' ports."""
    methods: list[tuple[int, str]]
    """Pairs of a server (an index into `ports`) and a full name such as `challenge.v1.EventService/ReportEvent`. The
    number of a request in the file is an index into this list."""
    requests: str
    """A file of requests (`load_generator.tape`), sent in order."""
    repeat: bool
    """Start again at the end of the file, instead of ending the run."""
    connections: int
    """Connections to each server."""
    streams: int = 0
    """Number of streams on which requests are sent as messages; 0: each request is a call of its own."""
    rate: float | None = None
    """Open loop: calls per second at even distances, whether or not earlier ones have ended."""
    in_flight: int | None = None
    """Closed loop: number of calls in flight; the end of one begins the next. Together with a rate, an open loop of
    this many callers: a call that falls due while all are busy is made as soon as one is free."""
    warm_up_s: float
    measured_s: float
    timeout_s: float
    """Deadline of each call, and limit of the wait for the last responses."""
    processes: dict[str, int] = field(default_factory=dict)
    """Processes whose CPU time is measured, by name."""
    responses: str
    """File for the responses (`load_generator.tape`), numbered by request."""
    keep_every: list[int]
    """Which responses are kept, by method: those of requests whose number it divides; 0 for none."""
    cores: list[int] = field(default_factory=list)
    """The cores that the generator may use; empty for all."""

    def to_json(self) -> str:
        """Return the plan as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan that `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, kw_only=True)
class Played:
    """The result of a run. Requests are numbered from 0 in the order in which they were sent."""

    codes: list[int]
    """gRPC's status code of each request that was sent; below 0 if there is none (see `CODE_NAMES`)."""
    latencies_us: list[int]
    """From the instant at which the request was *due* to the end of its response, however late it was sent: a server
    that stalls is charged for the calls that waited behind the stall (no coordinated omission)."""
    first: int
    last: int
    """The requests that were due in the measured interval: `first` up to, not including, `last`."""
    interval_s: float
    """The measured interval."""
    succeeded: int
    """Calls that succeeded within the interval, whenever they began."""
    cpu_s: dict[str, float]
    """CPU time in the interval of the plan's processes with their descendants, of the generator, and of the machine."""
    late_us: list[int]
    """Delay with which each request of the interval was sent: the generator's own share of the latency."""
    response_bytes: int
    """Total length of the responses received in the interval."""
    messages: dict[str, str]
    """The first error message for each code."""

    def to_json(self) -> str:
        """Return the result as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Played:
        """Return the result that `to_json` wrote."""
        return cls(**json.loads(text))


GENERATOR = "generator"
"""Name of the generator's own CPU time in `cpu_s`."""
MACHINE = "machine"
"""Name of the busy time of all cores together in `cpu_s`."""

NO_RESPONSE = -3
"""Code of a call without a response at the end of the run."""

CODE_NAMES = {
    0: "OK",
    1: "CANCELLED",
    2: "UNKNOWN",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    6: "ALREADY_EXISTS",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    10: "ABORTED",
    11: "OUT_OF_RANGE",
    12: "UNIMPLEMENTED",
    13: "INTERNAL",
    14: "UNAVAILABLE",
    15: "DATA_LOSS",
    16: "UNAUTHENTICATED",
    -1: "NO_STATUS",
    -2: "CONNECTION_LOST",
    NO_RESPONSE: "NO_RESPONSE",
}
