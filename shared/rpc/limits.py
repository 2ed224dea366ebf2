"""Limits of a server on its callers and their connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.runtime.ports import Endpoint
from shared.runtime.settings_groups import ServerSettings

PENDING_CALLS_MAX = 10_000
"""Maximum number of calls that gRPC holds before its Python part accepts them. Beyond its default of 1,000 it cancels
some without a reason; `shared.rpc.call_pool` bounds them and tells callers why."""

CONNECTION_GRACE_S = 60
"""Time in seconds that calls get to end on a connection that has reached its age. No unary call takes longer than
`shared.rpc.deadlines.LONGEST_S`, and `ClaimReward` waits for at most 10 s."""

HANDSHAKE_S = 10
"""Time in seconds in which a new connection must have ended its handshake, that of TLS included."""

CONNECTION_IDLE_S = 600
"""Time in seconds after which a connection without calls is closed."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one server."""

    body_timeout_s: float = 5.0
    """Time in which the request of a call must arrive."""
    body_timeouts_s: Mapping[str, float] = field(default_factory=dict)
    """The same for single methods, by name such as `ReportEvents`."""
    connections_max: int = 5_000
    """Connections at once, of which more are ended, the longest silent ones first."""
    streams_per_connection: int = 1_000
    """Maximum number of concurrent calls on one connection; the caller's library holds back the rest.

    A caller that keeps a connection at the limit loses calls: its library takes a call for over as soon as it has the
    status, the server a moment later, and a call that comes in between is reset (UNAVAILABLE).
    """
    connection_age_s: int = 1_800
    """Age after which a connection is closed once its calls have ended. gRPC varies it by a tenth."""


def limits_of(settings: ServerSettings, body_timeouts_s: Mapping[str, float] | None = None) -> Limits:
    """Return the limits in the settings of a service, with the body timeouts of single methods."""
    return Limits(
        body_timeout_s=settings.body_timeout_s,
        body_timeouts_s=body_timeouts_s or {},
        connections_max=settings.connections_max,
        streams_per_connection=settings.streams_per_connection,
        connection_age_s=settings.connection_age_s,
    )


def channel_options(limits: Limits, endpoint: Endpoint, threads: int, request_bytes_max: int) -> list[tuple[str, int]]:
    """Return the options of gRPC's server. `request_bytes_max` is the size of the largest request of any method."""
    return [
        ("grpc.so_reuseport", int(endpoint.shared)),
        ("grpc.server.max_pending_requests", PENDING_CALLS_MAX),
        ("grpc.server.max_pending_requests_hard_limit", 2 * PENDING_CALLS_MAX),
        ("grpc.max_receive_message_length", request_bytes_max),
        # With fewer streams than threads, one connection could not use them all.
        ("grpc.max_concurrent_streams", max(limits.streams_per_connection, threads)),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_S * 1_000),
        ("grpc.max_connection_age_ms", limits.connection_age_s * 1_000),
        ("grpc.max_connection_age_grace_ms", CONNECTION_GRACE_S * 1_000),
        ("grpc.max_connection_idle_ms", CONNECTION_IDLE_S * 1_000),
        # A caller that vanished is detected within 80 s, and its calls end.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Callers may ping at this interval.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
