"""Catalogues that are loaded in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given

from shared.catalogue import separate_loader
from shared.catalogue.loader import load_with_warnings
from shared.catalogue.problem import PROBLEMS_COUNTED_MAX, CatalogueInvalid, CatalogueUnread, Problem
from shared.catalogue.transfer import Loaded, from_bytes, to_bytes
from shared.domain.catalogue import Catalogue
from shared.domain.schedules import LIFETIME
from tests.support.waiting import wait_until

from .documents import Mapping, document, documents, goal, loaded, write_json

CATALOGUES = Path(__file__).parents[2] / "catalogues"


@pytest.fixture(autouse=True)
def _nothing_prepared() -> Iterator[None]:
    yield
    separate_loader.discard_prepared()


def content_of(catalogue: Catalogue) -> tuple[object, ...]:
    """Return all definitions. Schedules are equal if their texts are, which leave out what may change."""
    return (
        catalogue.version,
        catalogue.challenges,
        catalogue.declared_stats,
        catalogue.leaderboards,
        repr(catalogue.schedules),
        catalogue.seasons,
        catalogue.derived_stats,
    )


@given(documents())
def test_a_catalogue_arrives_as_it_was_loaded(written: Mapping) -> None:
    catalogue = loaded(written)
    # Definitions remember results that are computed from them. These stay behind.
    computed = [catalogue.goals, [schedule.period_at(0) for schedule in catalogue.schedules]]
    arrived = from_bytes(to_bytes(Loaded(catalogue, (Problem("a", "b"),))))
    assert isinstance(arrived, Loaded)
    assert content_of(arrived.catalogue) == content_of(catalogue)
    assert arrived.warnings == (Problem("a", "b"),)
    assert "goals" not in vars(arrived.catalogue)
    assert [arrived.catalogue.goals, [each.period_at(0) for each in arrived.catalogue.schedules]] == computed


@pytest.mark.parametrize("name", ["demo.yaml", "load.yaml"])
def test_the_process_returns_what_loading_here_returns(name: str) -> None:
    here, there = load_with_warnings(CATALOGUES / name), separate_loader.load(CATALOGUES / name)
    assert content_of(there.catalogue) == content_of(here.catalogue)
    assert there.warnings == here.warnings


def test_the_lifetime_is_one_object_with_that_of_this_process(tmp_path: Path) -> None:
    file = write_json(tmp_path / "catalogue.json", document(goal("win")))
    assert separate_loader.load(file).catalogue.goals["win"].schedule is LIFETIME


def test_problems_and_their_number_are_the_same(tmp_path: Path) -> None:
    goals = [goal(str(number), target=0) for number in range(PROBLEMS_COUNTED_MAX + 1)]
    file = write_json(tmp_path / "catalogue.json", document(*goals))
    with pytest.raises(CatalogueInvalid) as here:
        load_with_warnings(file)
    with pytest.raises(CatalogueInvalid) as there:
        separate_loader.load(file)
    assert (there.value.problems, there.value.count) == (here.value.problems, here.value.count)
    assert str(there.value) == str(here.value)


def test_a_path_may_contain_any_character(tmp_path: Path) -> None:
    file = write_json(tmp_path / "a\nb \udcff.json", document(goal("win")))
    assert list(separate_loader.load(file).catalogue.goals) == ["win"]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; os.kill(os.getpid(), 9)", "its process was ended by SIGKILL, as when memory runs out"),
        ("raise MemoryError('no more')", "MemoryError: no more"),
        ("raise SystemExit(3)", "its process ended with 3"),
        ("import signal; signal.pause()", "it took longer than 0.5 s"),
        ("", "its process ended with 0"),
    ],
)
def test_a_process_that_fails_is_a_problem_of_the_catalogue(
    program: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separate_loader, "COMMAND", (sys.executable, "-c", program))
    monkeypatch.setattr(separate_loader, "LOAD_TIMEOUT_S", 0.5 if "pause" in program else 60.0)
    with pytest.raises(CatalogueUnread) as failed:
        separate_loader.load(CATALOGUES / "demo.yaml")
    assert failed.value.problems == (Problem("", f"cannot be loaded: {message}", str(CATALOGUES / "demo.yaml")),)


def test_a_process_that_cannot_be_started_is_a_problem_of_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separate_loader, "COMMAND", ("/does/not/exist",))
    separate_loader.prepare()
    with pytest.raises(CatalogueUnread, match="no process can be started: No such file or directory"):
        separate_loader.load(CATALOGUES / "demo.yaml")


def test_a_prepared_process_loads_the_next_catalogue() -> None:
    separate_loader.prepare()
    for _ in range(2):
        assert separate_loader.load(CATALOGUES / "demo.yaml").catalogue.goals


def test_a_prepared_process_that_died_while_it_waited_is_replaced() -> None:
    before = set(psutil.Process().children())
    separate_loader.prepare()
    (process,) = set(psutil.Process().children()) - before
    process.kill()
    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE)
    assert separate_loader.load(CATALOGUES / "demo.yaml").catalogue.goals


def test_a_prepared_process_ends_with_the_one_that_prepared_it() -> None:
    program = "from shared.catalogue import separate_loader as s; import sys; s.prepare(); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as killed:
        (process,) = wait_until(lambda: psutil.Process(killed.pid).children())
        killed.kill()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
