"""Grants as tables."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from shared.domain.claims import ClaimState
from shared.domain.instant import Instant, to_datetime
from shared.operations.care import Report
from shared.postgres.care import AuditEntry, KeptGrant


def show_list(grants: Iterable[KeptGrant]) -> None:
    """A line for each grant."""
    table = Table(
        Column("grant", no_wrap=True, min_width=36),
        "player",
        "goal",
        "reward",
        "state",
        "provider",
        "pr.",
        "attempts",
        "claimed",
        "last error",
    )
    for grant in grants:
        status = grant.status
        cells = (
            grant.grant_id,
            grant.key.user_id,
            grant.key.goal_id,
            _reward(grant),
            status.state,
            status.provider,
            status.priority,
            status.attempts,
            _time(grant.claim_time),
            grant.last_error or "",
        )
        # As text: what a player or a provider wrote is not markup.
        table.add_row(*(Text(str(cell)) for cell in cells))
    Console().print(table)


def show_grant(grant: KeptGrant, audit: Iterable[AuditEntry]) -> None:
    """Everything about one grant."""
    status, key = grant.status, grant.key
    facts = {
        "grant": grant.grant_id,
        "player": key.user_id,
        "goal": key.goal_id,
        "occurrence": key.occurrence,
        "claim number": grant.claim_number,
        "request id": grant.request_id,
        "reward": _reward(grant),
        "claimed": _time(grant.claim_time),
        "state": status.state,
        "refusal": status.refusal,
        "provider": status.provider,
        "priority": status.priority,
        "attempts": status.attempts,
        "due": _time(status.due_time) if status.state is ClaimState.PENDING else None,
        "leased by": grant.lease_owner,
        "leased until": None if grant.lease_until is None else _time(grant.lease_until),
        "settled": None if status.settle_time is None else _time(status.settle_time),
        "last error": grant.last_error,
    }
    table = Table(show_header=False)
    for name, value in facts.items():
        if value is not None:
            table.add_row(name, Text(str(value)))
    console = Console()
    console.print(table)
    for entry in audit:
        before = ", ".join(f"{name} {value}" for name, value in entry.before.items())
        line = f"{_time(entry.time)}  {entry.operator}: {entry.act} ({entry.reason}); before: {before}"
        console.print(Text(line))


def show_report(report: Report) -> None:
    """How claims and grants agree."""
    table = Table("provider", "state", "grants", "oldest claim")
    for count in report.counts:
        table.add_row(Text(count.provider), count.state, f"{count.grants:,}", _time(count.oldest_claim_time))
    console = Console()
    console.print(table)
    for grant_id in report.granted_not_claimed:
        console.print(f"granted, not claimed: {grant_id}")
    for user_id, goal_id in report.claimed_without_grant:
        console.print(Text(f"claimed, without a grant: {goal_id} of {user_id}"))
    if report.agrees:
        console.print("every claim has its grant, and every grant its claim")


def _reward(grant: KeptGrant) -> str:
    return f"{grant.reward.quantity:,} {grant.reward.id}"


def _time(instant: Instant) -> str:
    return to_datetime(instant).isoformat(" ", "seconds")
