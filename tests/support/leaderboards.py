"""Leaderboards, and rankings refreshed on demand."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Stat
from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.schedules import LIFETIME, Schedule
from shared.domain.standings import EVERYTHING, Scope
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.runtime.telemetry import Telemetry
from tests.support.databases import opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.services import NOW, ManualClock, rows


def board(
    board_id: str = "board",
    measure: LeaderboardMeasure = LeaderboardMeasure.POINTS,
    ranked: Scope | Stat = EVERYTHING,
    schedule: Schedule = LIFETIME,
    *,
    ascending: bool = False,
    shared_ranks: bool = True,
) -> Leaderboard:
    """Return a leaderboard, by default over all points."""
    return Leaderboard(board_id, "Board", "", measure, ranked, schedule, ascending, shared_ranks)


def catalogue_with(*boards: Leaderboard, version: str = "by hand") -> Catalogue:
    """Return a catalogue of one goal and these leaderboards."""
    return replace(catalogue_of(goal()), leaderboards=boards, version=version)


def ranked_now(database_url: str, catalogue: Catalogue, now: Instant = NOW) -> None:
    """Record the catalogue and read all scores of its leaderboards again."""
    with opened(database_url, pool_size=1) as database:
        record_catalogue(database, catalogue, now, soon())
        rows(database_url, "UPDATE leaderboard SET notes_epoch = notes_epoch + 1 RETURNING board_id")
        assert RankingRefresh(database, ManualClock(now), Telemetry()).one_pass()
