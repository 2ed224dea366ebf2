"""Leaderboards by hand."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.catalogue import EVERYTHING, Board, BoardMeasure, Catalogue, Scope, Stat
from shared.domain.periods import Schedule
from tests.goals import catalogue_of, goal


def board(
    board_id: str = "board",
    measure: BoardMeasure = BoardMeasure.POINTS,
    ranked: Scope | Stat = EVERYTHING,
    schedule: Schedule = Schedule.LIFETIME,
    *,
    ascending: bool = False,
    shared_ranks: bool = True,
) -> Board:
    """A leaderboard over all points, unless it is said otherwise."""
    return Board(board_id, "Board", "", measure, ranked, schedule, ascending, shared_ranks)


def catalogue_with(*boards: Board, version: str = "by hand") -> Catalogue:
    """A catalogue of one goal and these leaderboards."""
    return replace(catalogue_of(goal()), boards=boards, version=version)
