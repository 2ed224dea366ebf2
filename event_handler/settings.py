"""Settings of the event handler."""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.caller_settings import CallerSettings
from shared.runtime.reward_settings import RouteSettings
from shared.runtime.settings import prefixed, setting
from shared.runtime.settings_groups import (
    CatalogueSettings,
    DatabaseSettings,
    DevelopmentSettings,
    ProcessSettings,
    RedisSettings,
    ServerSettings,
    TelemetrySettings,
)
from shared.runtime.tls_settings import TlsSettings

COMPLETION_PACK_MIN_D = 7
"""Longer than a change of a player's time zone moves a period, and than most grants take."""
COMPLETION_RETENTION_MIN_D = 400
"""The longest claim grace of a schedule (366 days) and the longest `EVENT_HORIZON_H` (30 days), with days to spare: no
claim and no accepted event changes anything that was carried forward."""


def check_completion_retention(text: str) -> None:
    """Raise ValueError for a number of days that is neither 0 nor long enough."""
    _check_retention(text, "completions", "rewards can be claimed for up to 366 days after a period")


def check_completion_pack(text: str) -> None:
    """Raise ValueError for a number of days that is neither 0 nor long enough."""
    if 0 < _days(text) < COMPLETION_PACK_MIN_D:
        raise ValueError(
            f"is {text}, must be 0 (nothing is packed) or at least {COMPLETION_PACK_MIN_D}: "
            "a period whose completions are packed must be over for every player"
        )


def check_claim_retention(text: str) -> None:
    """Raise ValueError for a number of days that is neither 0 nor long enough."""
    _check_retention(text, "claims", "no claim is deleted before its completion is carried forward")


def check_audit_retention(text: str) -> None:
    """Raise ValueError for a number of days that is neither 0 nor long enough."""
    _check_retention(text, "audits", "the database deletes none that is younger")


def check_grant_retention(text: str) -> None:
    """Raise ValueError for a number of days that is neither 0 nor long enough."""
    _check_retention(text, "grants", "callers may repeat a claim, and operators refund it, for a year")


def _days(text: str) -> int:
    """Return the number of days as it will be parsed, with a sign for example; 0 for what will be refused."""
    try:
        return int(text)
    except ValueError:
        return 0


def _check_retention(text: str, kept: str, why: str) -> None:
    if 0 < _days(text) < COMPLETION_RETENTION_MIN_D:
        raise ValueError(
            f"is {text}, must be 0 ({kept} are kept for ever) or at least {COMPLETION_RETENTION_MIN_D}: {why}"
        )


@dataclass(frozen=True, kw_only=True)
class EventSettings:
    """Which events are accepted, and how many at a time."""

    buffer_events_max: int = setting(
        "EVENT_BUFFER_MAX",
        default=10_000,
        unit="events",
        minimum=1_000,
        maximum=1_000_000,
        help="Events that may wait for their commit in each worker. Any more get RESOURCE_EXHAUSTED.",
    )
    streams: int = setting(
        "EVENT_STREAMS",
        default=32,
        unit="streams",
        minimum=1,
        maximum=1_000,
        help="Open streams in each worker. Any more wait until an idle one is ended, or get RESOURCE_EXHAUSTED.",
    )
    batch_body_timeout_s: float = setting(
        "EVENT_BATCH_BODY_TIMEOUT_S",
        default=15.0,
        unit="seconds",
        minimum=0.1,
        maximum=600,
        help="Time in which the request of `ReportEvents` must arrive, instead of `EVENT_BODY_TIMEOUT_S`.",
    )
    horizon_h: int = setting(
        "EVENT_HORIZON_H",
        default=72,
        unit="hours",
        minimum=1,
        maximum=720,
        help="Oldest accepted event. Ids are kept one day longer.",
    )
    keep_content: bool = setting(
        "EVENT_KEEP_CONTENT",
        default=False,
        help="Keep whole events in the ledger, so that `python -m admin player replay` can replay them.",
    )
    skew_s: int = setting(
        "EVENT_SKEW_S",
        default=300,
        unit="seconds",
        minimum=0,
        maximum=3_600,
        help="Longest time by which an event may be ahead of the handler's clock.",
    )
    completion_retention_d: int = setting(
        "COMPLETION_RETENTION_D",
        default=0,
        unit="days",
        minimum=0,
        maximum=36_500,
        check=check_completion_retention,
        help=(
            "Days for which completions of past periods are kept, at least 400. Then they are carried forward into one "
            "row per player and goal, by whole months. 0: for ever."
        ),
    )
    completion_pack_d: int = setting(
        "COMPLETION_PACK_D",
        default=0,
        unit="days",
        minimum=0,
        maximum=36_500,
        check=check_completion_pack,
        help=(
            "Days after which claimed completions are packed, at least 7: those of a player's lifetime or month in one "
            "row, a tenth of their size. Set it once all processes run a release that has it. 0: never."
        ),
    )
    claim_retention_d: int = setting(
        "CLAIM_RETENTION_D",
        default=0,
        unit="days",
        minimum=0,
        maximum=36_500,
        check=check_claim_retention,
        help=(
            "Days for which settled claims are kept whose completions were carried forward (COMPLETION_RETENTION_D), "
            "at least 400. 0: for ever."
        ),
    )
    grant_move_d: int = setting(
        "GRANT_MOVE_D",
        default=7,
        unit="days",
        minimum=0,
        maximum=36_500,
        help=(
            "Days after which settled grants move from the outbox to the history, and after the migration that made "
            "it, before the first of them moves. 0: never."
        ),
    )
    grant_retention_d: int = setting(
        "GRANT_RETENTION_D",
        default=0,
        unit="days",
        minimum=0,
        maximum=36_500,
        check=check_grant_retention,
        help=(
            "Days for which settled grants are kept in the history, at least 400. Whole quarters are dropped; goals "
            "stay claimed. 0: for ever."
        ),
    )
    audit_retention_d: int = setting(
        "AUDIT_RETENTION_D",
        default=0,
        unit="days",
        minimum=0,
        maximum=36_500,
        check=check_audit_retention,
        help="Days for which audits of operators are kept, at least 400. 0: for ever.",
    )


@dataclass(frozen=True, kw_only=True)
class EventHandlerSettings:
    """All settings of the event handler."""

    # More threads than the challenge service has: a call waits here for the commit that it shares, without using CPU.
    # A disk that stalls for a moment fills only a few of the threads.
    server: ServerSettings = prefixed("EVENT_", port=50052, metrics_port=9102, threads=128)
    tls: TlsSettings
    callers: CallerSettings
    events: EventSettings
    routes: RouteSettings
    catalogue: CatalogueSettings
    database: DatabaseSettings
    redis: RedisSettings
    process: ProcessSettings
    development: DevelopmentSettings
    telemetry: TelemetrySettings
