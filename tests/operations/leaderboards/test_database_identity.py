"""Rankings in Redis belong to one state of the database, and are not trusted for another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from event_handler.score_writer import ScoreWriter
from shared.cache.clearing import keys
from shared.cache.keys import KeySpace
from shared.domain.database_identity import DatabaseIdentity
from shared.domain.events import Event
from shared.domain.scores import LeaderboardScore, RankingKey, Score
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.redis_prefix import identify, prefix_problem
from shared.postgres import database_identity
from shared.postgres.database import Database
from tests.cache.cached_rankings import cached_rankings_on
from tests.operations.leaderboards.ranking_process import (
    CATALOGUE,
    NOW,
    SUM,
    Process,
    journal_size,
    play,
    wrong_score,
)
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.postgres_dump import dump, restore
from tests.support.services import rows
from tests.support.strategies import KILLS
from tests.support.waiting import wait_until

SECONDS = 15.0 * BUSY_FACTOR
"""A few passes of the duties, and a reconnection of the pool."""


def identity_of(database: Database) -> DatabaseIdentity:
    return database.autocommit(database_identity.read, soon())


def promote(database_url: str, timeline: str = "0000000F") -> None:
    """Let the server report another timeline, as after a promotion."""
    with connected(database_url) as connection:
        connection.execute(
            f"CREATE OR REPLACE FUNCTION server_timeline() RETURNS text LANGUAGE sql STABLE RETURN '{timeline}'"
        )


def passes(process: Process) -> None:
    """Run the duties as often as they run in a few seconds."""
    process.repair()
    process.builder.one_pass()


def test_an_older_dump_restored_while_redis_lives_shows_within_seconds_what_it_holds(
    process: Process, database_url: str, tmp_path: Path
) -> None:
    play(process, 0)
    process.repair()
    before = process.read(SUM)
    dump(database_url, tmp_path / "dump")
    play(process, 1)
    process.repair()
    assert process.agrees()
    lost = process.read(SUM)
    assert lost != before

    restore(database_url, tmp_path / "dump")

    def restored() -> bool:
        passes(process)
        page = process.read(SUM)
        return page is not None and page[:2] == (before or ((), 0))[:2]

    wait_until(restored, SECONDS)
    assert process.agrees()
    # Versions of the lost scores were higher: the new event counts all the same.
    play(process, 2)
    process.repair()
    assert process.agrees()


def test_a_restored_database_has_another_key(database: Database, database_url: str, tmp_path: Path) -> None:
    before = identity_of(database)
    dump(database_url, tmp_path / "dump")
    restore(database_url, tmp_path / "dump")
    with opened(database_url, pool_size=1) as other:
        assert identity_of(other).key != before.key


def test_a_row_that_is_inserted_again_changes_the_key(database: Database, database_url: str) -> None:
    before = identity_of(database)
    rows(database_url, "UPDATE database_identity SET identity = identity RETURNING 1")
    assert identity_of(database).key != before.key


def test_databases_on_one_server_have_different_keys(database: Database, postgres_server: object) -> None:
    with postgres_server.fresh_database() as url, opened(url, pool_size=1) as other:  # type: ignore[attr-defined]
        assert identity_of(other).key != identity_of(database).key


def test_a_renewed_identity_moves_running_processes_to_other_keys(process: Process) -> None:
    play(process)
    process.repair()
    old = identity_of(process.database)
    new = process.database.transact(lambda connection: database_identity.renew(connection, NOW), soon())
    assert new.key != old.key
    assert new.redis_prefix == old.redis_prefix
    process.sync.one_pass()
    assert process.read(SUM) is None
    process.builder.one_pass()
    assert process.agrees()
    assert sum(map(len, keys(process.cached.cache, KeySpace("", old.key)))) > 0, "a clone may use the old keys"


def test_scores_stored_under_the_old_key_stay_in_the_journal(process: Process, database_url: str) -> None:
    writer = ScoreWriter(process.database, process.cached.rankings)
    (changes,) = play(process)
    process.database.transact(lambda connection: database_identity.renew(connection, NOW), soon())
    writer.submit(CATALOGUE, changes)
    writer.start()
    writer.close(10)
    assert journal_size(database_url) == 1
    # Built from the database before the scores are repaired, and complete all the same.
    passes(process)
    process.repair()
    assert process.agrees()
    assert journal_size(database_url) == 0


def test_after_a_promotion_a_ranking_that_is_not_ahead_is_kept(
    process: Process, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    play(process)
    process.repair()
    promote(database_url)
    process.sync.one_pass()
    assert process.read(SUM) is None, "not trusted until it is verified"
    with caplog.at_level("INFO"):
        process.builder.one_pass()
    assert process.agrees()
    messages = [record.message for record in caplog.records]
    open_rankings = rows(database_url, "SELECT count(*) FROM leaderboard_period WHERE final_time IS NULL")[0][0]
    assert messages.count("ranking in Redis verified") == open_rankings
    assert "ranking built" not in messages


@pytest.mark.parametrize(
    "lost",
    [wrong_score("player 3"), Score("lost with the old primary", 5, 0, 1)],
    ids=["a newer score", "an unknown player"],
)
def test_after_a_promotion_a_ranking_that_is_ahead_is_rebuilt(
    process: Process, database_url: str, lost: Score, caplog: pytest.LogCaptureFixture
) -> None:
    play(process)
    process.repair()
    process.cached.rankings.put([LeaderboardScore(SUM, 0, lost)], process.cached.rankings.database_key)
    assert not process.agrees()
    promote(database_url)
    passes(process)
    assert process.agrees()
    assert [record.message for record in caplog.records].count(
        "ranking in Redis is ahead of the database, rebuilding"
    ) == 1


def test_a_score_that_only_redis_has_is_found_from_the_side_of_redis(process: Process) -> None:
    play(process, players=300)
    process.repair()
    process.cached.put(wrong_score("player 299"), board=SUM)
    # A sample of one player in the database, and of the one drawn from Redis.
    found = [process.check.compare(SUM, RankingKey(SUM.id, 0), 300)]
    assert [checked and checked.differences for checked in found] == [1]


@pytest.fixture
def other_deployment(postgres_server: object, redis_url: str) -> Iterator[Process]:
    """Yield a process of another deployment on the same Redis."""
    with (
        postgres_server.fresh_database() as url,  # type: ignore[attr-defined]
        opened(url, pool_size=2) as database,
        cached_rankings_on(redis_url) as cached,
    ):
        record_catalogue(database, CATALOGUE, NOW, soon())
        opened_process = Process(database, cached)
        opened_process.begin()
        yield opened_process


def test_two_deployments_on_one_redis_rank_their_own_players(process: Process, other_deployment: Process) -> None:
    play(process, players=10)
    play(other_deployment, players=20)
    for each in (process, other_deployment):
        each.repair()
        assert each.agrees()
        each.check.one_pass()
        assert each.check.differences == 0
    pages = process.read(SUM), other_deployment.read(SUM)
    assert [page and page.size for page in pages] == [10, 20]


def test_the_first_process_sets_the_prefix_and_another_one_is_refused(database: Database) -> None:
    assert identity_of(database).redis_prefix is None
    assert prefix_problem(identify(database, "game-1:", soon()), "game-1:") is None
    problem = prefix_problem(identify(database, "", soon()), "")
    assert problem is not None
    assert "REDIS_PREFIX is ''" in problem
    assert "'game-1:'" in problem


def test_a_process_with_another_prefix_does_not_use_redis(process: Process) -> None:
    process.database.transact(lambda connection: database_identity.renew(connection, NOW, "game-2:"), soon())
    process.sync.one_pass()
    assert process.read(SUM) is None
    problem = process.cached.cache.probe()
    assert problem is not None
    assert "REDIS_PREFIX" in problem
    process.database.transact(lambda connection: database_identity.renew(connection, NOW, ""), soon())
    passes(process)
    assert process.cached.cache.probe() is None
    assert process.agrees()


def test_scores_that_the_release_before_wrote_to_its_own_keys_are_repaired(process: Process, database_url: str) -> None:
    play(process)
    rows(database_url, "DELETE FROM leaderboard_journal RETURNING 1")
    assert journal_size(database_url) == 1, "deleted only by transactions that name the format"
    process.repair()
    assert process.agrees()
    assert journal_size(database_url) == 0


def test_until_a_process_of_this_release_uses_redis_the_release_before_deletes_entries(
    database: Database, database_url: str
) -> None:
    record_catalogue(database, CATALOGUE, NOW, soon())
    flush(database, CATALOGUE, [Event("1", "player", NOW, KILLS, delta=1)], soon())
    assert journal_size(database_url) == 1
    rows(database_url, "DELETE FROM leaderboard_journal RETURNING 1")
    assert journal_size(database_url) == 0
