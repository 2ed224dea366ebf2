"""What the generator is to do, and what it tells afterwards: both cross the process boundary as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run. At least one of `rate` and `in_flight` is set."""

    host: str
    ports: list[int]
    """Of the servers."""
    methods: list[tuple[int, str]]
    """Whose they are (an index into `ports`), and full names, such as `challenge.v1.EventService/ReportEvent`; a
    request's number is an index into them."""
    requests: str
    """A file of requests (`load_generator.tape`), sent in order."""
    repeat: bool
    """Begin again at the end of the file; else the run ends there."""
    connections: int
    """To each server."""
    streams: int = 0
    """Send the requests as messages on so many streams, which stay open; 0: each in a call of its own."""
    rate: float | None = None
    """Open loop: calls a second, at even distances, whether earlier ones were answered or not."""
    in_flight: int | None = None
    """Closed loop: so many calls are under way, and the answer to one begins the next. With a rate, open loop of so
    many callers: a call that falls due while all are busy is made as soon as one is free."""
    warm_up_s: float
    measured_s: float
    timeout_s: float
    """The deadline that each call carries, and how long the last answers are waited for."""
    processes: dict[str, int] = field(default_factory=dict)
    """Processes whose CPU time is taken over the measured interval, by a name."""
    answers: str
    """Where answers are written (`load_generator.tape`), numbered by request."""
    keep_every: list[int]
    """Which answers are kept, for each method: those of requests whose number it divides; 0 for none."""
    cores: list[int] = field(default_factory=list)
    """The cores that the generator may use; empty for all."""

    def to_json(self) -> str:
        """The plan as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan that `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, kw_only=True)
class Played:
    """What became of a run. Requests are numbered from 0 in the order in which they were sent."""

    codes: list[int]
    """gRPC's status code of every request that was sent; below 0 where there is none (see `CODE_NAMES`)."""
    latencies_us: list[int]
    """From the instant at which the request was *due* to the end of its answer, however late it was sent: a server
    that stalls is charged for the calls that had to wait behind the stall (no coordinated omission)."""
    first: int
    last: int
    """The requests that were due in the measured interval: `first` up to, not including, `last`."""
    interval_s: float
    """The measured interval."""
    succeeded: int
    """Calls that ended well within the interval, whenever they began."""
    cpu_s: dict[str, float]
    """CPU time in the interval: of the plan's processes with all that they started, of the generator itself, and of
    everything on the machine."""
    late_us: list[int]
    """How much later than due each request of the interval was sent: the generator's own share of the latency."""
    answer_bytes: int
    """Length of the answers that came in the interval, all together."""
    messages: dict[str, str]
    """The first error message for each code."""

    def to_json(self) -> str:
        """The result as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Played:
        """The result that `to_json` wrote."""
        return cls(**json.loads(text))


GENERATOR = "generator"
"""The name in `cpu_s` of the generator's own CPU time."""
MACHINE = "machine"
"""The name in `cpu_s` of the time that all cores together were busy."""

UNANSWERED = -3
"""The code of a call that had no answer when the run ended."""

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
    UNANSWERED: "UNANSWERED",
}
