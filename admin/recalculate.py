"""`python -m admin recalculate`: rebuilds standings from completions, claims and adjustments."""

from __future__ import annotations

from collections.abc import Iterator

import click

from admin.arguments import acts, dry_run, exactly_one, identifier
from admin.opening import deadline, load_catalogue_that_runs, open_database, read
from admin.statistics import show_drifts
from admin.terminal import count_text, progress_bars, say
from shared.domain.catalogue import Catalogue
from shared.domain.operator_acts import Acting
from shared.domain.recalculation import Drift
from shared.operations.goals.known_player import check_known_player
from shared.operations.statistics import recalculate as operations
from shared.operations.statistics.recalculate import Page
from shared.postgres.database import Database
from shared.postgres.statistics import histories

SHOWN_MAX = 50


@click.command(
    epilog="Exit status: 0 nothing has drifted, or all of it is rebuilt; 1 something has drifted, in a dry run, or the "
    "database cannot be reached."
)
@click.argument("player", required=False, type=identifier(), help="The player's id.")
@click.option("--all", "every", is_flag=True, help="All players, page by page.")
@dry_run
@acts
def recalculate(player: str | None, *, every: bool, dry_run: bool, acting: Acting) -> int:
    """Rebuild players' goals and points from their history.

    Completions, claims and adjustments are added up. The sums are compared with the stored standings; those that have
    drifted are rebuilt. Services may run meanwhile.
    """
    exactly_one("PLAYER", player, every=every)
    players = numbers = 0
    shown: list[Drift] = []
    with open_database("recalculate") as database:
        catalogue = load_catalogue_that_runs(database)
        for page in _pages(database, catalogue, player, None if dry_run else acting):
            players += page.players
            numbers += len(page.drifts)
            shown += page.drifts[: SHOWN_MAX - len(shown)]
    if shown:
        show_drifts(shown)
    if numbers > len(shown):
        say(f"and {numbers - len(shown):,} more")
    done = "" if not numbers else ", not rebuilt" if dry_run else ", rebuilt"
    say(f"{count_text(players, 'player')} checked, {numbers:,} standings had drifted{done}")
    return 1 if numbers and dry_run else 0


def _pages(database: Database, catalogue: Catalogue, player: str | None, acting: Acting | None) -> Iterator[Page]:
    if player is not None:
        check_known_player(database, player, deadline())
        yield Page(1, operations.recalculate(database, catalogue, [player], deadline(), acting))
        return
    with progress_bars(transient=True) as progress:
        task = progress.add_task("players", total=read(database, histories.count_players))
        for page in operations.recalculate_all(database, catalogue, acting):
            progress.advance(task, page.players)
            yield page
