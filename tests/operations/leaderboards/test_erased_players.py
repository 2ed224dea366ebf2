"""Scores that were read before an erasure do not bring the player back into Redis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from event_handler.score_writer import ScoreWriter
from shared.cache.errors import CacheUnavailable
from shared.domain.operator_acts import Acting
from shared.domain.scores import Score
from shared.operations.leaderboards import ranking_build, ranking_sync
from shared.operations.operators.erase_player import erase_player
from shared.postgres.operators.player_data import ErasedPlayer
from tests.operations.leaderboards.ranking_process import CATALOGUE, NOW, SUM, Process, journal_size, play
from tests.support.databases import soon

PLAYER = "player 1"


def erase(process: Process) -> None:
    """Erase the player as the command does it: from the database, then from Redis."""
    erased = ErasedPlayer(PLAYER, "erased-" + "0" * 16, "0" * 64, "0" * 64)
    assert erase_player(process.database, erased, Acting(NOW, "ada", "asked for"), soon()).complete
    process.cached.rankings.forget(PLAYER)


def ranked(process: Process) -> list[str]:
    """Return the players whom Redis has."""
    page = process.cached.rankings.top(SUM, 0, 1, 100)
    assert page is not None
    return [each.user_id for each in page.ranked]


def test_a_writer_that_comes_late_removes_the_player(process: Process) -> None:
    (changes,) = play(process)
    writer = ScoreWriter(process.database, process.cached.rankings)
    erase(process)
    writer.submit(CATALOGUE, changes)
    writer.start()
    writer.close(10)
    assert ranked(process)
    assert PLAYER not in ranked(process)
    assert process.agrees()


def test_a_player_whom_a_failing_redis_keeps_is_removed_by_the_repair(
    process: Process, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    (changes,) = play(process)
    rankings = process.cached.rankings
    writer = ScoreWriter(process.database, rankings)
    erase(process)
    with monkeypatch.context() as patched:
        # It has taken the scores, and fails before it is asked to delete the player.
        def fail(_: str) -> None:
            raise CacheUnavailable

        patched.setattr(rankings, "forget", fail)
        writer.submit(CATALOGUE, changes)
        writer.start()
        writer.close(10)
        assert PLAYER in ranked(process)
        assert writer.left_to_the_journal == 1
        process.repair()
        assert PLAYER in ranked(process)
    process.repair()
    assert ranked(process)
    assert PLAYER not in ranked(process)
    assert process.agrees()
    assert journal_size(database_url) == 0


def test_a_repair_that_comes_late_removes_the_player(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    play(process)
    read = ranking_sync.scores_of
    erased: list[bool] = []

    def read_then_erase(*arguments: Any) -> Any:
        found = list(read(*arguments))
        if not erased:
            erased.append(True)
            erase(process)
        return found

    monkeypatch.setattr(ranking_sync, "scores_of", read_then_erase)
    process.repair()
    assert erased
    assert PLAYER not in ranked(process)
    assert process.agrees()


def test_a_build_that_comes_late_removes_the_player(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    play(process)
    read = ranking_sync.score_pages

    def read_then_erase(*arguments: Any) -> Iterator[Sequence[Score]]:
        for page in read(*arguments):
            assert PLAYER in [score.user_id for score in page]
            erase(process)
            yield page

    monkeypatch.setattr(ranking_build, "score_pages", read_then_erase)
    assert process.builder.build(SUM, 0)
    process.repair()
    assert ranked(process)
    assert PLAYER not in ranked(process)
    assert process.agrees()
