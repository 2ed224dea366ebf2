"""`python -m admin verify`: compares rankings in Redis with the database."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterable, Mapping

from rich.progress import Progress

from admin.board_access import BoardAccess, count_players, open_boards, say_what_waits
from admin.board_building import build
from admin.numbers import whole_number
from admin.terminal import add, lines_of, period_text, progress_bars, ranking_text, show
from shared.domain.scores import RankingKey
from shared.operations.leaderboards.ranking_check import SAMPLE, Checked, RankingCheck

SAMPLE_MAX = 100_000
"""More is what `--all` is for, which keeps no list of all whom it compares."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "verify",
        help="compare leaderboards in Redis with the database",
        description="Compares players' scores in Redis with those in the database: of each ranking that may still "
        "change, a sample, or everybody. Scores that were stored just now have some seconds to get to Redis.",
        epilog="Exit status: 0 Redis has nothing otherwise (what it does not have at all, the database answers), "
        "1 it has, and after --repair still has.",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--sample",
        type=whole_number(1, SAMPLE_MAX),
        default=10 * SAMPLE,
        metavar="N",
        help=f"so many players of each ranking, 1 to {SAMPLE_MAX:,} (default: %(default)s)",
    )
    size.add_argument("--all", action="store_true", help="all players; also finds those whom only Redis has")
    parser.add_argument("--repair", action="store_true", help="build what differs or is missing, and compare again")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    with open_boards("verify") as access:
        verification = _Verification(access, None if arguments.all else arguments.sample)
        found = verification.compare(access.open_rankings())
        _show(found)
        wrong = [ranking for ranking, checked in found.items() if checked is None or checked.differences]
        if wrong and arguments.repair:
            build(access, wrong)
            found = verification.compare(wrong)
            _show(found)
        say_what_waits(access.database)
    return 1 if any(checked is not None and checked.differences for checked in found.values()) else 0


class _Verification:
    """Compares rankings, each with a progress bar."""

    def __init__(self, access: BoardAccess, sample: int | None) -> None:
        """`sample` is None for all players."""
        self._access = access
        self._sample = sample
        draw = random.Random()  # noqa: S311 - a sample
        self._check = RankingCheck(access.database, lambda: access.catalogue, access.boards, draw, time.sleep)

    def compare(self, rankings: Iterable[RankingKey]) -> dict[RankingKey, Checked | None]:
        """What each comparison has found; None of rankings that Redis does not have."""
        with progress_bars() as progress:
            return {ranking: self._compare(ranking, progress) for ranking in rankings}

    def _compare(self, ranking: RankingKey, progress: Progress) -> Checked | None:
        board = self._access.catalogue.leaderboard_by_id[ranking.board_id]
        players = count_players(self._access.database, ranking)
        task = progress.add_task(f"compare {ranking_text(ranking)}", total=min(players, self._sample or players))
        if self._sample is None:
            return self._check.compare_all(board, ranking, lambda compared: progress.advance(task, compared))
        checked = self._check.compare(board, ranking, self._sample)
        progress.update(task, completed=0 if checked is None else checked.compared)
        return checked


def _show(found: Mapping[RankingKey, Checked | None]) -> None:
    table = lines_of("leaderboard", "period", "compared", "differences")
    for ranking, checked in found.items():
        numbers = ("-", "not in Redis") if checked is None else (f"{checked.compared:,}", f"{checked.differences:,}")
        add(table, ranking.board_id, period_text(ranking.period_start), *numbers)
    show(table)
