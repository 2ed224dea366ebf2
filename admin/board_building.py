"""Building rankings in Redis with progress bars."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

from admin.board_access import BoardAccess, count_players
from admin.terminal import progress_bars, ranking_text
from shared.cache.ranking_builds import BuildLost
from shared.cache.redis import CacheUnavailable
from shared.domain.scores import RankingKey


def build(access: BoardAccess, rankings: Iterable[RankingKey]) -> bool:
    """Build rankings from the database beside those in use, and take them into use; whether all were built."""
    built = True
    with progress_bars() as progress:
        for ranking in rankings:
            total = count_players(access.database, ranking)
            task = progress.add_task(f"build {ranking_text(ranking)}", total=total)
            started = time.monotonic()
            problem = build_one(access, ranking, lambda players, task=task: progress.advance(task, players))  # type: ignore[misc]
            if problem is None:
                players, took_s = progress.tasks[task].completed, time.monotonic() - started
                print(f"{ranking_text(ranking)}: {players:,.0f} players in {took_s:.1f} s")
            else:
                built = False
                print(f"{ranking_text(ranking)}: not built: {problem}", file=sys.stderr)
    return built


def build_one(access: BoardAccess, ranking: RankingKey, progress: Callable[[int], object]) -> str | None:
    """Build one; why it was not built, if it was not. `progress` is told of further players."""
    try:
        board = access.catalogue.leaderboard_by_id[ranking.board_id]
        if not access.builder().build(board, ranking.period_start, progress):
            return "another builder is at it; what it builds is as good"
    except BuildLost:
        return "Redis has forgotten what was built, or was too slow; try again"
    except CacheUnavailable as error:
        return f"Redis does not answer ({type(error.__cause__ or error).__name__}); services build it when it is back"
    return None
