"""`python -m admin goal …`: corrects one goal of one player."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from admin import arguments
from admin.opening import deadline, load_catalogue_that_runs, open_database, stop
from admin.terminal import period_text, say
from shared.domain.acceptance import ID_LENGTH_MAX
from shared.domain.catalogue import Catalogue
from shared.domain.instant import Instant
from shared.domain.operator_acts import Acting
from shared.operations.operators import goal_support, undo_support
from shared.operations.operators.goal_support import GoalSupport, SupportRefused, Work
from shared.runtime.clock import system_clock

OCCURRENCE_MAX = 1_000_000

_goal = click.argument("goal", type=arguments.identifier(ID_LENGTH_MAX), help="A goal's id.")
_period = click.option(
    "--period", type=arguments.instant, metavar="INSTANT", help="The period that contains INSTANT (default: now)."
)


def _occurrence(text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return arguments.count_option("--occurrence", 1, OCCURRENCE_MAX, None, text)


@click.group()
def goal() -> None:
    """Correct one goal of one player.

    The audit keeps who did it and why. A reward is granted once, whatever is done here.
    """


def _correction_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --reason, --operator and --dry-run; the command receives the first two as `acting`."""

    @wraps(command)
    def acting(*, reason: str, operator: str, **options: Any) -> None:
        command(acting=Acting(system_clock(), operator, reason), **options)

    return arguments.reason(arguments.operator(arguments.dry_run(acting)))


@goal.command()
@arguments.player
@_goal
@_period
@_occurrence("Of a goal that repeats: which one (default: the first that is not completed).")
@_correction_options
def complete(
    player: str, goal: str, period: Instant | None, occurrence: int | None, acting: Acting, *, dry_run: bool
) -> None:
    """Complete a goal, with all that it completes in turn. The player claims the rewards."""

    def work(catalogue: Catalogue) -> Work:
        support = _support(catalogue, player, goal, acting, period)
        return lambda connection: support.complete(connection, occurrence)

    _perform(work, "completed", dry=dry_run)


@goal.command()
@arguments.player
@_goal
@_period
@_occurrence("Of a goal that repeats: only this one.")
@_correction_options
def reopen(
    player: str, goal: str, period: Instant | None, occurrence: int | None, acting: Acting, *, dry_run: bool
) -> None:
    """Take the completion of a goal back. Its progress stays, and so do its claim and its reward.

    Completed again, it is claimed already. To grant the reward again, refund the claim first.
    """

    def work(catalogue: Catalogue) -> Work:
        support = _support(catalogue, player, goal, acting, period)
        return lambda connection: support.reopen(connection, occurrence)

    _perform(work, "reopened", dry=dry_run)


@goal.command()
@arguments.player
@_goal
@_period
@click.option("--with-others", is_flag=True, help="Also if other goals or leaderboards lose the same progress.")
@_correction_options
def reset(player: str, goal: str, period: Instant | None, acting: Acting, *, with_others: bool, dry_run: bool) -> None:
    """Take the completion of a goal back, and begin its progress from zero. Claims and rewards stay."""

    def work(catalogue: Catalogue) -> Work:
        support = _support(catalogue, player, goal, acting, period)
        return lambda connection: support.reset(connection, with_others=with_others)

    _perform(work, "reset", dry=dry_run)


@goal.command()
@click.argument("audit_id", type=click.IntRange(1), metavar="ID", help="The change, as `admin audit` lists it.")
@_correction_options
def undo(audit_id: int, acting: Acting, *, dry_run: bool) -> None:
    """Undo one of these corrections. Goals that it completed in turn stay completed."""
    _perform(lambda catalogue: undo_support.undo(catalogue, audit_id, acting), "undone", dry=dry_run)


def _support(catalogue: Catalogue, user_id: str, goal_id: str, acting: Acting, period: Instant | None) -> GoalSupport:
    found = catalogue.goals.get(goal_id)
    if found is None:
        stop(f"the catalogue has no goal {goal_id!r}")
    return GoalSupport(catalogue, user_id, found, acting, period)


def _perform(work: Callable[[Catalogue], Work], done: str, *, dry: bool) -> None:
    with open_database("goal") as database:
        catalogue = load_catalogue_that_runs(database)
        try:
            corrected = goal_support.perform(database, work(catalogue), deadline(), dry=dry)
        except SupportRefused as refusal:
            stop(f"not done: {refusal}")
    occurrences = ", ".join(map(str, corrected.occurrences)) or "none"
    would = "would be " if dry else ""
    say(f"{would}{done}, period: {period_text(corrected.period_start)}, occurrences: {occurrences}")
    for key in corrected.caused:
        say(f"{would}completed in turn: {key.goal_id}, period: {period_text(key.period_start)}")
    if not dry:
        say(f"to undo it: goal undo {corrected.audit_id} --reason …")
