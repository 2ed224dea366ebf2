"""Building rankings in Redis with progress bars."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

from rich.progress import Progress, TaskID

from admin.board_access import BoardAccess, count_players
from admin.terminal import progress_bars, ranking_text
from shared.cache.board_build import BuildLost
from shared.cache.redis import CacheAway
from shared.domain.scores import RankingKey
from shared.operations.board_build import BoardBuilder


def build(access: BoardAccess, rankings: Iterable[RankingKey]) -> bool:
    """Build rankings from the database beside those in use, and take them into use; whether all were built."""
    builder = access.builder()
    built = True
    with progress_bars() as progress:
        for ranking in rankings:
            total = count_players(access.database, ranking)
            task = progress.add_task(f"build {ranking_text(ranking)}", total=total)
            problem = _build(access, builder, ranking, progress, task)
            if problem is not None:
                built = False
                print(f"{ranking_text(ranking)}: not built: {problem}", file=sys.stderr)
    return built


def _build(
    access: BoardAccess, builder: BoardBuilder, ranking: RankingKey, progress: Progress, task: TaskID
) -> str | None:
    """Why it was not built."""
    board = access.catalogue.board_by_id[ranking.board_id]
    started, before = time.monotonic(), progress.tasks[task].completed
    try:
        if not builder.build(board, ranking.period_start, lambda players: progress.advance(task, players)):
            return "another builder is at it; what it builds is as good"
    except BuildLost:
        return "Redis has forgotten what was built, or was too slow; try again"
    except CacheAway as error:
        return f"Redis does not answer ({type(error.__cause__ or error).__name__}); services build it when it is back"
    players = progress.tasks[task].completed - before
    print(f"{ranking_text(ranking)}: {players:,.0f} players in {time.monotonic() - started:.1f} s")
    return None
