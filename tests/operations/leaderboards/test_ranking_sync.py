"""Scores missing in Redis are repaired from the journal; rankings that cannot be repaired are rebuilt."""

from __future__ import annotations

import pytest

from event_handler.score_writer import BATCHES_MAX, ScoreWriter
from shared.domain.events import Event
from shared.domain.scores import RankingKey, Score
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards import ranking_check, ranking_sync
from shared.operations.leaderboards.ranking_check import Checked
from shared.operations.leaderboards.ranking_sync import RankingSync
from shared.postgres.database import Database
from tests.operations.leaderboards.ranking_process import (
    CATALOGUE,
    NOW,
    SUM,
    WITHOUT_SUM,
    Process,
    journal_size,
    play,
    wrong_score,
)
from tests.support.databases import soon
from tests.support.flushing import flush
from tests.support.strategies import KILLS


def test_a_writer_stores_scores_in_redis_after_the_commit(process: Process, database_url: str) -> None:
    writer = ScoreWriter(process.database, process.cached.rankings)
    writer.start()
    for number in range(3):
        for changes in play(process, number):
            writer.submit(CATALOGUE, changes)
    writer.close(10)
    assert process.agrees()
    assert journal_size(database_url) == 0
    assert writer.left_to_the_journal == 0


def test_scores_missed_by_a_killed_writer_are_repaired(process: Process, database_url: str) -> None:
    play(process)
    assert not process.agrees()
    process.sync.one_pass()
    assert not process.agrees(), "a writer has one pass interval for its own entries"
    process.sync.one_pass()
    assert process.agrees()
    assert journal_size(database_url) == 0


def test_scores_dropped_by_a_full_writer_are_repaired(process: Process, database_url: str) -> None:
    writer = ScoreWriter(process.database, process.cached.rankings)
    (changes,) = play(process)
    for _ in range(BATCHES_MAX + 5):
        writer.submit(CATALOGUE, changes)
    assert writer.left_to_the_journal == 5
    process.repair()
    assert process.agrees()
    assert journal_size(database_url) == 0


def test_scores_that_change_during_a_build_are_included(process: Process) -> None:
    play(process, 0)
    process.repair()
    process.cached.cache.ask(lambda client: client.flushall())

    def play_on(_: int) -> None:
        writer = ScoreWriter(process.database, process.cached.rankings)
        for changes in play(process, 1):
            writer.submit(CATALOGUE, changes)
        writer.start()
        writer.close(10)

    assert process.builder.build(SUM, 0, progress=play_on)
    process.builder.one_pass()
    assert process.agrees()


def test_an_overlong_journal_is_dropped_and_rankings_are_rebuilt(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking_sync, "BOUND_PASSES", 1)
    monkeypatch.setattr(ranking_sync, "ENTRIES_MAX", 3)
    for number in range(3):
        play(process, number)
    process.sync.one_pass()
    assert journal_size(database_url) == 0
    assert [process.read(board) for board in CATALOGUE.leaderboards] == [None] * 4
    process.builder.one_pass()
    assert process.agrees()


def test_the_journal_is_bounded_without_redis(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking_sync, "ENTRIES_MAX", 1)
    record_catalogue(database, CATALOGUE, NOW, soon())
    flush(database, CATALOGUE, [Event("1", "player", NOW, KILLS, delta=1)], soon())
    assert journal_size(database_url) == 1
    RankingSync(database, lambda: CATALOGUE, lambda: NOW).one_pass()
    assert journal_size(database_url) == 0


def test_a_leaderboard_that_is_removed_and_returns_is_rebuilt(process: Process) -> None:
    play(process)
    process.repair()
    process.catalogue = WITHOUT_SUM
    process.sync.one_pass()
    play(process, 1)
    process.catalogue = CATALOGUE
    process.repair()
    assert process.read(SUM) is None
    process.builder.one_pass()
    assert process.agrees()


def test_a_ranking_with_a_difference_is_rebuilt(process: Process) -> None:
    play(process)
    process.repair()
    assert process.agrees()
    process.check.one_pass()
    assert process.check.compared > 0
    assert process.check.differences == 0
    process.cached.put(wrong_score("player 3"), wrong_score("player 4"), board=SUM)
    assert not process.agrees()
    process.check.one_pass()
    assert process.check.differences == 2
    process.sync.one_pass()
    assert process.read(SUM) is None
    process.builder.one_pass()
    assert process.agrees()


def test_a_sample_is_compared_in_batches(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    play(process, players=30)
    process.repair()
    process.cached.put(wrong_score("player 3"), wrong_score("player 4"), board=SUM)
    process.cached.put(Score("only in Redis", -1, 0, version=1), board=SUM)
    ranking = RankingKey(SUM.id, 0)
    at_once = process.check.compare(SUM, ranking, 100)
    monkeypatch.setattr(ranking_check, "PLAYERS_MAX", 7)
    before = scripts_run(process)
    assert process.check.compare(SUM, ranking, 100) == at_once == Checked(ranking, compared=30, differences=3)
    assert scripts_run(process) - before >= 1 + 5 + 5 + 1, "size, players by place, players by id, suspects"
    few = process.check.compare(SUM, ranking, 10)
    assert few is not None
    assert few.compared == 10


def scripts_run(process: Process) -> int:
    """Return the number of scripts that Redis has run."""
    statistics = process.cached.cache.ask(lambda client: client.info("commandstats"))
    return int(statistics["cmdstat_evalsha"]["calls"])


def test_reads_by_duties_are_not_counted_as_hits_or_misses(process: Process) -> None:
    def questions() -> list[float | None]:
        registry = process.cached.telemetry.registry
        outcomes = ({"cache": "leaderboards", "outcome": outcome} for outcome in ("hit", "miss"))
        return [registry.get_sample_value("cache_reads_total", labels) for labels in outcomes]

    play(process)
    process.repair()
    before = questions()
    process.check.one_pass()
    process.builder.one_pass()
    assert process.check.compared > 0
    assert questions() == before
    assert process.read(SUM) is not None
    assert questions() == [(before[0] or 0) + 1, before[1]]


def test_a_score_that_has_not_settled_is_no_difference(process: Process) -> None:
    play(process)
    process.check.one_pass()
    assert process.check.differences == 0
    assert process.agrees()
