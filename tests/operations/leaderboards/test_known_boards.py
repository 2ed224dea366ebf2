"""Each process says which leaderboards it knows, before it changes any score."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from shared.catalogue.loader import load_with_warnings
from shared.domain.catalogue import Catalogue
from shared.domain.errors import DatabaseUnavailable
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.catalogue.catalogue_watch import CatalogueWatch
from shared.operations.leaderboards.known_boards import KnownBoards
from shared.postgres.database import Database
from tests.catalogue.documents import document, goal, write_json
from tests.support.databases import soon
from tests.support.leaderboards import board, catalogue_with
from tests.support.services import NOW, ManualClock, rows

PROCESSES = "SELECT count(*) FROM leaderboard_process"


def watching(tmp_path: Path, seen: list[int], url: str) -> CatalogueWatch[int]:
    """Return a watch that notes how many processes have a row while its catalogue is prepared for use."""

    def prepare(_: Catalogue) -> int:
        seen.append(rows(url, PROCESSES)[0][0])
        return len(seen)

    file = write_json(tmp_path / "catalogue.json", document(goal("win")))
    return CatalogueWatch(file, load_with_warnings, prepare, ManualClock())


def test_a_process_has_its_row_before_its_first_catalogue_is_used(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    seen: list[int] = []
    watch = watching(tmp_path, seen, database_url)
    watch.before_first_use = KnownBoards(database).follow
    watch.poll(database)
    assert seen == [1]


def test_a_catalogue_waits_while_the_row_cannot_be_stored(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    known, seen, failing = KnownBoards(database), list[int](), [True]

    def follow(catalogue: Catalogue, deadline: float) -> None:
        if failing:
            raise DatabaseUnavailable
        known.follow(catalogue, deadline)

    watch = watching(tmp_path, seen, database_url)
    watch.before_first_use = follow
    with pytest.raises(DatabaseUnavailable):
        watch.poll(database)
    assert watch.live.in_use is None
    failing.clear()
    watch.poll(database)
    assert watch.live.in_use is not None
    assert seen == [1]


@pytest.mark.parametrize(("of_the_killed", "named"), [([], [["points"]]), (["points"], [])])
def test_only_leaderboards_of_the_catalogue_are_named_after_a_kill(
    database: Database,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
    of_the_killed: list[str],
    named: list[list[str]],
) -> None:
    for boards in ("points", "removed long ago"), ("points",):
        record_catalogue(database, catalogue_with(*map(board, boards), version=str(boards)), NOW, soon())
    KnownBoards(database).follow(catalogue_with(*map(board, of_the_killed)), soon())
    rows(database_url, "UPDATE leaderboard_process SET seen_time = '2020-01-01' RETURNING 1")
    caplog.set_level(logging.WARNING)
    KnownBoards(database).follow(catalogue_with(board("points")), soon())
    assert [record.__dict__["boards"] for record in caplog.records] == named
