"""Grants as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from admin.terminal import period_text, say, show, time_text, who_text
from shared.domain.claims import ClaimState
from shared.operations.rewards.grant_admin import Report
from shared.postgres.rewards.grant_admin import AuditEntry, KeptGrant

LISTED_ERROR_CHARACTERS = 60
"""Characters of the last error in a list; `show` prints all of it."""

UNDER_WAY = (ClaimState.PENDING, ClaimState.DELIVERING)


def show_list(grants: Iterable[KeptGrant]) -> None:
    """Print one line for each grant."""
    names = (
        "grant",
        "state",
        "provider",
        "pr.",
        "attempts",
        "claimed",
        "player",
        "goal",
        "period",
        "reward",
        "last error",
    )
    show(names, map(_row, grants))


def _row(grant: KeptGrant) -> tuple[object, ...]:
    status = grant.status
    return (
        grant.grant_id,
        status.state,
        status.provider,
        status.priority,
        status.attempts,
        time_text(grant.claim_time),
        grant.key.user_id,
        grant.key.goal_id,
        period_text(grant.key.period_start),
        _reward(grant),
        (grant.last_error or "")[:LISTED_ERROR_CHARACTERS],
    )


def show_grant(grant: KeptGrant, audit: Iterable[AuditEntry]) -> None:
    """Print everything about one grant."""
    status, key = grant.status, grant.key
    facts = {
        "grant": grant.grant_id,
        "player": key.user_id,
        "goal": key.goal_id,
        "period": period_text(key.period_start),
        "occurrence": key.occurrence,
        "claim number": grant.claim_number,
        "request id": grant.request_id,
        "reward": _reward(grant),
        "claimed": time_text(grant.claim_time),
        "state": status.state,
        "refusal": status.refusal,
        "provider": status.provider,
        "priority": status.priority,
        "attempts": status.attempts,
        "due": time_text(status.due_time) if status.state is ClaimState.PENDING else None,
        "leased by": grant.lease_owner,
        "leased until": None if grant.lease_until is None else time_text(grant.lease_until),
        "settled": None if status.settle_time is None else time_text(status.settle_time),
        "last error": grant.last_error,
    }
    for name, value in facts.items():
        if value is not None:
            say(f"{name + ':':<14}{value}")
    for entry in audit:
        before = ", ".join(f"{name} {value}" for name, value in entry.before.items())
        who = who_text(entry.operator, entry.database_role)
        say(f"{time_text(entry.time)}  {who}: {entry.act} ({entry.reason}); before: {before}")


def show_report(report: Report) -> None:
    """Print the numbers of grants, and where claims and grants disagree."""
    names = ("provider", "state", "grants", "oldest claim")
    show(
        names,
        ((each.provider, each.state, f"{each.grants:,}", time_text(each.oldest_claim_time)) for each in report.counts),
    )
    grants = Counter[ClaimState]()
    for count in report.counts:
        grants[count.state] += count.grants
    say(
        f"claimed, not granted: {sum(grants[state] for state in UNDER_WAY):,} on their way, "
        f"{grants[ClaimState.DEAD]:,} dead, {grants[ClaimState.REFUSED]:,} refused"
    )
    for grant_id in report.granted_not_claimed:
        say(f"granted, not claimed: {grant_id}")
    for key in report.claimed_without_grant:
        say(f"claimed, without a grant: {key.goal_id} of {key.user_id}, period: {period_text(key.period_start)}")
    if report.agrees:
        say("every claim has its grant, and every grant its claim")


def _reward(grant: KeptGrant) -> str:
    return f"{grant.reward.quantity:,} {grant.reward.id}"
