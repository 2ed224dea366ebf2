"""`python -m admin points …`: gives points to players, or takes them."""

from __future__ import annotations

from uuid import uuid4

import click

from admin import arguments
from admin.opening import deadline, load_catalogue_that_runs, open_database
from admin.terminal import say
from shared.domain.goal import AMOUNT_MAX
from shared.operations.statistics.adjust_points import adjust_points
from shared.postgres.statistics.adjustments import NotedAdjustment
from shared.runtime.clock import system_clock


def _points(text: str) -> int:
    try:
        points = int(text)
    except ValueError:
        raise click.BadParameter("is not a whole number") from None
    if points == 0 or abs(points) > AMOUNT_MAX:
        raise click.BadParameter(f"is not between 1 and {AMOUNT_MAX:,}, up or down")
    return points


@click.group()
def points() -> None:
    """Give points, or take them."""


# Otherwise -50 would be an unknown option.
@points.command(context_settings={"ignore_unknown_options": True})
@arguments.player
@click.argument("points", metavar="±N", type=_points, help="Such as +50, or -50 to take them.")
@arguments.reason
@arguments.operator
@arguments.dry_run
def adjust(player: str, points: int, reason: str, operator: str, *, dry_run: bool) -> None:
    """Give a player points, or take them. The audit keeps who did it and why, for good."""
    adjustment = NotedAdjustment(system_clock(), points, operator, reason)
    with open_database("points") as database:
        catalogue = load_catalogue_that_runs(database)
        before, after = adjust_points(database, catalogue, player, uuid4(), adjustment, deadline(), dry=dry_run)
    say(f"{player} had {before:,} points, and {'would have' if dry_run else 'has'} {after:,} now")
