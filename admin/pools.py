"""`python -m admin pools …`: previews of pools."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from admin.arguments import count_option
from admin.opening import load_catalogue, stop
from admin.terminal import count_text, say, show, time_text
from shared.domain.pool_preview import preview as preview_of
from shared.operations.catalogue.pool_record import drawn_by, with_current
from shared.runtime.clock import system_clock

PLAYERS_MAX = 1_000_000


@click.group()
def pools() -> None:
    """Show what players would get from pools."""


@pools.command(
    epilog="Draws with a secret of its own, so no database is needed. A pool of 50 goals takes half a second."
)
@click.argument("path", type=click.Path(path_type=Path), help="A YAML or JSON file, or a folder of such files.")
@count_option("--players", 1, PLAYERS_MAX, 10_000, "Number of players drawn for.")
def preview(path: Path, players: int) -> None:
    """Show what players would get in the next period of each pool: shares of goals, repeats, and pools too small."""
    catalogue = load_catalogue(path)
    now = system_clock()
    versions = {challenge.id: with_current([], challenge, now) for challenge in catalogue.pool_challenges}
    drawing = drawn_by(catalogue, secrets.token_bytes(32), versions).pools
    if drawing is None or not versions:
        stop("the catalogue has no pools")
    for challenge in catalogue.pool_challenges:
        pool, period = drawing.by_challenge[challenge.id], challenge.goals[0].schedule.next_after(now)
        if period is None or challenge.pool is None:
            say(f"{challenge.id}: there is no period to come")
            continue
        found = preview_of(drawing, pool, period, players)
        say(
            f"{challenge.id}: {challenge.pool.select} of {count_text(len(found.shares), 'goal')} "
            f"for {count_text(players, 'player')}, from {time_text(period.start)}"
        )
        goals = {goal.id: goal for goal in challenge.goals}
        by_share = sorted(found.shares.items(), key=lambda each: (-each[1], each[0]))
        rows = [(each, goals[each].weight, _percent(share)) for each, share in by_share]
        show(("goal", "weight", "share"), rows, numbers=2)
        if challenge.pool.no_repeat:
            say(
                f"{_percent(found.repeating)} of players get a goal again that they have had within "
                f"{count_text(challenge.pool.no_repeat, 'period')}"
            )
        if found.short:
            say(f"too small: {_percent(found.short)} of players get fewer goals than {challenge.pool.select}")
        say("")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
