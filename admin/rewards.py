"""`python -m admin rewards …`: shows grants and changes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import click

from admin import arguments
from admin.opening import deadline, open_database, read, stop
from admin.terminal import period_text, say, say_error, time_text, who_text
from admin.terminal import show as show_table
from shared.domain.claims import ClaimState
from shared.domain.grant_changes import Act, ActRefused, buried, prioritised, refunded, rerouted, retried
from shared.domain.reward import PRIORITY_FIRST, PRIORITY_LAST
from shared.operations.rewards import grant_admin
from shared.operations.rewards.grant_admin import Change, OperatorAction, Report
from shared.postgres.rewards.grant_admin import AuditEntry, KeptGrant, list_grants
from shared.runtime.clock import system_clock
from shared.runtime.reward_settings import PROVIDERS

LISTED_MAX = 100_000
REPORT_LIMIT_S = 3_600.0
"""Time limit in seconds for comparing all grants with all completions. A million of each took 50 s."""


@click.group()
def rewards() -> None:
    """Show grants of claimed rewards, and change them."""


@rewards.command("list")
@click.option(
    "--state",
    "states",
    type=click.Choice(ClaimState),
    multiple=True,
    help="Only grants in this state; may be given several times.",
)
@click.option("--provider", help="Only grants of this provider.")
@click.option("--player", help="Only grants of this player.")
@arguments.count_option("--limit", 1, LISTED_MAX, 50, "At most N grants.")
@click.option("--ids", is_flag=True, help="Print only the grants' ids, for xargs.")
def list_(states: Sequence[ClaimState], provider: str | None, player: str | None, limit: int, *, ids: bool) -> None:
    """List grants, the oldest claims first."""
    with open_database("rewards") as database:
        grants = read(database, lambda connection: list_grants(connection, states, provider, player, limit))
    if ids:
        for grant in grants:
            say(str(grant.grant_id))
    else:
        show_grants(grants)


@rewards.command()
@click.argument("grant", type=click.UUID, help="A grant's id.")
def show(grant: UUID) -> None:
    """Show a grant, and what operators did to it."""
    with open_database("rewards") as database:
        found = grant_admin.show(database, grant, deadline())
    if found is None:
        stop("there is no such grant")
    show_grant(*found)


@rewards.command(epilog="Exit status: 0 every claim has its grant and every grant its claim, each once; 1 not so.")
def report() -> int:
    """Count grants, and compare them with claims."""
    with open_database("rewards") as database:
        found = grant_admin.report(database, deadline(REPORT_LIMIT_S))
    show_grant_report(found)
    return 0 if found.agrees else 1


def _action(act: Act) -> Callable[[Callable[..., Change]], click.Command]:
    """Return a decorator that makes a command of a function from an option's value to a change of grants."""

    def decorate(change: Callable[..., Change]) -> click.Command:
        @rewards.command(act.value, help=change.__doc__)
        @arguments.reason
        @arguments.operator
        @arguments.dry_run
        @click.argument("grants", type=click.UUID, nargs=-1, required=True, help="Ids of grants.")
        def command(reason: str, operator: str, grants: Sequence[UUID], *, dry_run: bool, **options: Any) -> int:
            return _perform(OperatorAction(act, change(**options), operator, reason), grants, dry=dry_run)

        return command

    return decorate


@_action(Act.RETRY)
def retry() -> Change:
    """Deliver at once, with the full number of attempts."""
    return lambda grant: retried(grant, system_clock())


@_action(Act.BURY)
def bury() -> Change:
    """Do not deliver until it is retried."""
    return lambda grant: buried(grant, system_clock())


@_action(Act.REFUND)
def refund() -> Change:
    """Undo the claim. The goal is claimable again."""
    return lambda grant: refunded(grant, system_clock())


@click.option(
    "--to", type=click.IntRange(PRIORITY_FIRST, PRIORITY_LAST), required=True, metavar="N", help="1 is delivered first."
)
@_action(Act.PRIORITISE)
def prioritise(to: int) -> Change:
    """Move it in the queue."""
    return lambda grant: prioritised(grant, to)


@click.option("--to", type=click.Choice(PROVIDERS), required=True, help="The provider.")
@_action(Act.REROUTE)
def reroute(to: str) -> Change:
    """Give it to another provider, if no provider was asked yet."""
    return lambda grant: rerouted(grant, to)


def _perform(action: OperatorAction, grants: Sequence[UUID], *, dry: bool) -> int:
    refused = 0
    with open_database("rewards") as database:
        for grant_id in grants:
            try:
                after = grant_admin.perform(database, grant_id, action, system_clock(), deadline(), dry=dry)
            except ActRefused as refusal:
                refused += 1
                say_error(f"{grant_id}: not done: {refusal}")
                continue
            done = "would be" if dry else "is"
            say(f"{grant_id}: {done} {after.state}, priority {after.priority}, provider {after.provider}")
    return 1 if refused else 0


LISTED_ERROR_CHARACTERS = 60
"""Characters of the last error in a list; `show` prints all of it."""

UNDER_WAY = (ClaimState.PENDING, ClaimState.DELIVERING)


def show_grants(grants: Iterable[KeptGrant]) -> None:
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
    show_table(names, map(_row, grants))


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
        "reward number": grant.reward_number,
        "request id": grant.request_id,
        "reward": _reward(grant),
        "claimed": time_text(grant.claim_time),
        "state": status.state,
        "refusal": status.refusal,
        "provider": status.provider,
        "priority": status.priority,
        "attempts": status.attempts,
        "failures": status.failures or None,
        "due": time_text(status.due_time) if status.state is ClaimState.PENDING else None,
        "leased by": grant.lease_owner,
        "leased until": None if grant.lease_until is None else time_text(grant.lease_until),
        "settled": None if status.settle_time is None else time_text(status.settle_time),
        "last error": grant.last_error,
    }
    for name, value in facts.items():
        if value is not None:
            say(f"{name + ':':<15}{value}")
    for entry in audit:
        before = ", ".join(f"{name} {value}" for name, value in entry.before.items())
        who = who_text(entry.operator, entry.database_role)
        say(f"{time_text(entry.time)}  {who}: {entry.act} ({entry.reason}); before: {before}")


def show_grant_report(report: Report) -> None:
    """Print the numbers of grants, and where claims and grants disagree."""
    names = ("provider", "state", "grants", "oldest claim")
    show_table(
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
    for grant_id in report.granted_twice:
        say(f"stored twice: {grant_id}")
    for key in report.completed_twice:
        of_occurrence = "" if key.occurrence == 1 else f", occurrence {key.occurrence}"
        say(f"completed twice: {key.goal_id} of {key.user_id}, period: {period_text(key.period_start)}{of_occurrence}")
    if report.agrees:
        say("every claim has its grant, and every grant its claim")
    if report.granted_twice or report.completed_twice:
        say("docs/rewards.md says what to do about what is stored twice")


def _reward(grant: KeptGrant) -> str:
    return f"{grant.reward.quantity:,} {grant.reward.id}"
