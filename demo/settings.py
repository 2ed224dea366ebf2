"""Settings of the demo."""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.settings import setting


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """Where the services are, as gRPC targets: host and port."""

    challenge_target: str = setting("CHALLENGE_TARGET", default="127.0.0.1:50051", help="The challenge service.")
    event_target: str = setting("EVENT_TARGET", default="127.0.0.1:50052", help="The event handler.")
