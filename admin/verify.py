"""`python -m admin verify`: compares rankings in Redis with the database."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from functools import partial

import click

from admin.arguments import acts, count_option
from admin.leaderboard_access import (
    LeaderboardAccess,
    count_players,
    open_leaderboards,
    print_waiting_changes,
    rankings_details,
)
from admin.opening import noted
from admin.terminal import period_text, progress_bars, ranking_text, show
from shared.domain.operator_acts import Acting, ActKind, OperatorAct
from shared.domain.scores import RankingKey
from shared.operations.leaderboards.ranking_check import SAMPLE, Checked, RankingCheck

SAMPLE_DEFAULT = 10 * SAMPLE
SAMPLE_MAX = 100_000
"""Players of a sample, which is kept in memory; `--all` keeps no list of those it has compared."""


@click.command(
    epilog="Exit status: 0 no score in Redis differs (the database is read for those it lacks), 1 some do, or with "
    "--repair a ranking could not be built, or Redis cannot be used."
)
@count_option("--sample", 1, SAMPLE_MAX, None, f"Compare N players of each ranking (default: {SAMPLE_DEFAULT}).")
@click.option("--all", "every", is_flag=True, help="Compare all players, and find those that only Redis has.")
@click.option("--repair", is_flag=True, help="Build rankings that differ or are missing, and compare again.")
@acts
def verify(sample: int | None, *, every: bool, repair: bool, acting: Acting) -> int:
    """Compare players' scores in Redis with those in the database.

    Of each ranking that may still change, a sample is compared, or all players. Scores that were stored just now have
    some seconds to get to Redis.
    """
    if sample is not None and every:
        raise click.UsageError("give either --sample or --all")
    players_max = None if every else sample or SAMPLE_DEFAULT
    unbuilt = False
    with open_leaderboards("verify") as access:
        found = _compare(access, access.open_rankings(), players_max)
        wrong = [ranking for ranking, checked in found.items() if checked is None or checked.differences]
        if wrong and repair:
            act = OperatorAct(ActKind.VERIFY_REPAIR, acting, details=rankings_details(wrong))
            with noted(access.database, act) as outcome:
                outcome.complete = access.build_all(wrong)
            found = _compare(access, wrong, players_max)
            unbuilt = None in found.values()
        print_waiting_changes(access.database)
    return int(unbuilt or any(checked is not None and checked.differences for checked in found.values()))


def _compare(
    access: LeaderboardAccess, rankings: Iterable[RankingKey], players_max: int | None
) -> dict[RankingKey, Checked | None]:
    """Compare rankings, print the findings and return them. A ranking that Redis does not have has None."""
    chance = random.Random()  # noqa: S311 - a sample
    check = RankingCheck(access.database, lambda: access.catalogue, access.boards, chance, time.sleep)
    found = {}
    with progress_bars() as bars:
        for ranking in rankings:
            board = access.catalogue.leaderboard_by_id[ranking.board_id]
            players = count_players(access.database, ranking)
            task = bars.add_task(f"compare {ranking_text(ranking)}", total=min(players, players_max or players))
            if players_max is None:
                found[ranking] = check.compare_all(board, ranking, partial(bars.advance, task))
            else:
                checked = found[ranking] = check.compare(board, ranking, players_max)
                bars.update(task, completed=0 if checked is None else checked.compared)
    rows = (
        (ranking.board_id, period_text(ranking.period_start), *_numbers(checked)) for ranking, checked in found.items()
    )
    show(("leaderboard", "period", "compared", "differences"), rows)
    return found


def _numbers(checked: Checked | None) -> tuple[str, str]:
    return ("-", "not in Redis") if checked is None else (f"{checked.compared:,}", f"{checked.differences:,}")
