"""Changed files become the catalogue in use."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from shared.catalogue.loader import load, load_with_warnings
from shared.catalogue.problem import CatalogueInvalid, CatalogueUnread, Problem
from shared.catalogue.transfer import Loaded
from shared.domain.catalogue import Catalogue
from shared.domain.errors import CatalogueUnavailable
from shared.operations.catalogue.catalogue_watch import RETRY_PAUSE_S, CatalogueWatch
from shared.postgres.database import Database
from shared.postgres.schema import migrate, roll_back
from tests.catalogue.documents import Mapping, document, goal, write_json
from tests.support.databases import opened
from tests.support.services import NOW, ManualClock, rows

FIRST = document(goal("win"))
SECOND = document(goal("win", target=4), goal("lose"))
INCOMPATIBLE = document(goal("win", count="highest"), goal("lose"), goal("draw"))
INVALID = document(goal("win", target=0), goal("win", count="often"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_json(tmp_path / "catalogue.json", FIRST)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def watch(file: Path, clock: ManualClock, database: Database) -> CatalogueWatch[Catalogue]:
    """Return a watch whose first catalogue is in use."""
    watch = watching(file, clock)
    watch.poll(database)
    return watch


def watching(file: Path, clock: ManualClock | None = None) -> CatalogueWatch[Catalogue]:
    """Return a watch as at the start of a process."""
    return CatalogueWatch(file, load_with_warnings, lambda definitions: definitions, clock or ManualClock())


def change(file: Path, content: Mapping) -> None:
    write_json(file, content)


def check_twice(watch: CatalogueWatch[Catalogue], database: Database) -> None:
    """Poll twice: the first poll sees a change, the second one sees that it is complete."""
    for _ in range(2):
        watch.poll(database)


def versions(database_url: str) -> set[str]:
    return {version for (version,) in rows(database_url, "SELECT version FROM catalogue_version")}


def test_the_first_catalogue_is_in_use_after_the_first_poll(file: Path, database: Database, database_url: str) -> None:
    watch = watching(file)
    with pytest.raises(CatalogueUnavailable):
        _ = watch.live.current
    assert watch.reason_unusable()
    watch.poll(database)
    assert (watch.reason_unusable(), watch.refused) == (None, False)
    assert watch.live.current.version == load(file).version
    assert watch.live.in_use is not None
    assert (watch.live.in_use.version, watch.live.in_use.since) == (load(file).version, NOW)
    assert versions(database_url) == {load(file).version}


def test_an_invalid_first_catalogue_is_refused_at_once(file: Path) -> None:
    change(file, INVALID)
    with pytest.raises(CatalogueInvalid):
        watching(file)


def test_a_changed_catalogue_replaces_the_one_in_use(
    watch: CatalogueWatch[Catalogue], file: Path, clock: ManualClock, database: Database, database_url: str
) -> None:
    before = watch.live.current
    change(file, SECOND)
    clock.now += 5
    check_twice(watch, database)
    after = watch.live.current
    assert after.version == load(file).version
    assert watch.live.in_use is not None
    assert watch.live.in_use.since == NOW + 5
    assert (list(before.goals), list(after.goals)) == (["win"], ["win", "lose"]), "a held version does not change"
    assert versions(database_url) == {before.version, after.version}


@pytest.mark.parametrize("content", [INVALID, INCOMPATIBLE], ids=["invalid", "incompatible"])
def test_a_refused_catalogue_leaves_the_one_in_use_and_all_its_problems_are_logged(
    watch: CatalogueWatch[Catalogue],
    file: Path,
    database: Database,
    database_url: str,
    content: Mapping,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = watch.live.current
    change(file, content)
    check_twice(watch, database)
    assert watch.live.current is before
    assert watch.refused
    assert watch.reason_unusable() is None, "the old one stays in use"
    problems = [record.__dict__["problem"] for record in caplog.records if record.message.startswith("problem in")]
    if content is INVALID:
        with pytest.raises(CatalogueInvalid) as invalid:
            load(file)
        assert problems == list(map(str, invalid.value.problems))
    else:
        assert [problem.split(":")[0] for problem in problems] == ["goal 'win'"]
    assert versions(database_url) == {before.version}

    caplog.clear()
    check_twice(watch, database)
    assert not caplog.records, "a refused catalogue is not loaded again until it changes"

    change(file, FIRST)
    check_twice(watch, database)
    assert watch.live.current is before
    assert not watch.refused


def test_a_file_written_in_steps_is_loaded_once_complete(
    watch: CatalogueWatch[Catalogue], file: Path, database: Database
) -> None:
    before = watch.live.current
    whole = file.with_name("whole")
    change(whole, SECOND)
    content = whole.read_text("utf-8")
    with file.open("w", encoding="utf-8") as editor:
        for start in range(0, len(content), 50):
            editor.write(content[start : start + 50])
            editor.flush()
            watch.poll(database)
            assert watch.live.current is before
            assert not watch.refused
    watch.poll(database)
    assert watch.live.current.version == load(file).version


def test_a_truncated_file_is_refused_and_loaded_once_complete(
    watch: CatalogueWatch[Catalogue], file: Path, database: Database
) -> None:
    before = watch.live.current
    file.write_text('{"challenges": [', "utf-8")
    check_twice(watch, database)
    assert watch.refused
    assert watch.live.current is before
    change(file, SECOND)
    check_twice(watch, database)
    assert not watch.refused
    assert "lose" in watch.live.current.goals


def test_a_requested_reload_happens_at_the_next_poll_even_without_a_change(
    watch: CatalogueWatch[Catalogue], file: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    change(file, SECOND)
    watch.reload()
    watch.poll(database)
    assert "lose" in watch.live.current.goals
    in_use = watch.live.in_use
    with caplog.at_level(logging.INFO):
        watch.reload()
        check_twice(watch, database)
    assert [record.message for record in caplog.records] == ["catalogue on disk is already in use"]
    assert watch.live.in_use is in_use


def test_after_a_restart_an_incompatible_catalogue_is_refused_with_the_reason_until_corrected(
    watch: CatalogueWatch[Catalogue], file: Path, database: Database
) -> None:
    change(file, document(goal("lose")))
    check_twice(watch, database)
    assert "win" not in watch.live.current.goals, "a removed goal keeps its id"

    change(file, INCOMPATIBLE)
    restarted = watching(file)
    check_twice(restarted, database)
    reason = restarted.reason_unusable()
    assert reason is not None
    assert reason.startswith("the catalogue is refused: goal 'win': count changes from sum to highest: ")
    assert restarted.refused
    with pytest.raises(CatalogueUnavailable):
        _ = restarted.live.current

    change(file, SECOND)
    check_twice(restarted, database)
    assert (restarted.reason_unusable(), restarted.refused) == (None, False)
    assert restarted.live.current.version == load(file).version


def test_without_a_schema_the_catalogue_waits_and_continues_by_itself(file: Path, database_url: str) -> None:
    roll_back(database_url, 1)
    watch = watching(file)
    with opened(database_url, pool_size=1) as database:
        check_twice(watch, database)
        reason = watch.reason_unusable()
        assert reason is not None
        assert reason.startswith("the catalogue waits for the database: the schema is behind")
        assert not watch.refused
        change(file, SECOND)
        check_twice(watch, database)
        migrate(database_url)
        watch.poll(database)
    assert watch.reason_unusable() is None
    assert "lose" in watch.live.current.goals, "the newest of the catalogues that waited"


def test_without_a_database_a_changed_catalogue_waits(
    watch: CatalogueWatch[Catalogue], file: Path, database: Database
) -> None:
    before = watch.live.current
    change(file, SECOND)
    with opened("postgresql://nobody@127.0.0.1:1/nothing", pool_size=1) as nothing:
        check_twice(watch, nothing)
    assert watch.live.current is before
    assert (watch.reason_unusable(), watch.refused) == (None, False)
    watch.poll(database)
    assert "lose" in watch.live.current.goals


def test_warnings_about_the_catalogue_in_use_are_logged(
    tmp_path: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    write_json(tmp_path / "a.json", document(goal("lose")))
    watch = watching(tmp_path)
    watch.poll(database)
    write_json(tmp_path / "a.json", document(goal("win "), goal("win"), goal("lose\u200b")))
    write_json(tmp_path / "B.JSON", document(goal("draw")))
    check_twice(watch, database)
    warnings = [record.__dict__["problem"] for record in caplog.records if record.message == "catalogue warning"]
    assert len(warnings) == 5
    assert warnings[0].startswith(str(tmp_path / "B.JSON"))
    assert "looks like goal 'lose' of an earlier catalogue" in warnings[-1]


def test_a_catalogue_replaced_by_a_pipe_is_refused_and_polling_goes_on(
    watch: CatalogueWatch[Catalogue], file: Path, database: Database
) -> None:
    file.unlink()
    os.mkfifo(file)
    check_twice(watch, database)
    assert watch.refused
    file.unlink()
    change(file, SECOND)
    check_twice(watch, database)
    assert (watch.refused, watch.live.current.version) == (False, load(file).version)


def test_a_loading_that_fails_for_a_reason_outside_of_the_catalogue_is_repeated_after_a_pause(
    file: Path, database: Database
) -> None:
    now, problems = [0.0], [Problem("", "no memory", str(file))]

    def load_or_fail(path: Path) -> Loaded:
        if now[0] and problems:
            raise CatalogueUnread([problems.pop()])
        return load_with_warnings(path)

    watch = CatalogueWatch(file, load_or_fail, lambda definitions: definitions, ManualClock(), lambda: now[0])
    watch.poll(database)
    first = watch.live.current.version
    change(file, SECOND)
    for now[0] in (1.0, 2.0, 3.0, 1.0 + RETRY_PAUSE_S):
        watch.poll(database)
        assert (watch.refused, watch.live.current.version) == (now[0] > 1.0, first)
    now[0] = 2.0 + RETRY_PAUSE_S
    watch.poll(database)
    assert (watch.refused, watch.live.current.version) == (False, load(file).version)
