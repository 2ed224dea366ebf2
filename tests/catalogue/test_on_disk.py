"""Whether a catalogue's files have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.catalogue.on_disk import CatalogueOnDisk
from shared.catalogue.problem import CatalogueInvalid

from .documents import document, goal, write_json


def looks(on_disk: CatalogueOnDisk, times: int = 3) -> list[bool]:
    """What so many looks say, one after the other."""
    return [on_disk.has_changed() for _ in range(times)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_json(tmp_path / "catalogue.json", document(goal()))


@pytest.fixture
def on_disk(file: Path) -> CatalogueOnDisk:
    loaded = CatalogueOnDisk(file)
    loaded.load()
    return loaded


def test_what_was_loaded_has_not_changed(on_disk: CatalogueOnDisk) -> None:
    assert looks(on_disk) == [False, False, False]


def test_a_change_is_told_from_the_second_look_on_until_it_is_loaded(on_disk: CatalogueOnDisk) -> None:
    write_json(on_disk.path, document(goal(target=4)))
    assert looks(on_disk) == [False, True, True]
    assert on_disk.load().goals["win"].target == 4
    assert looks(on_disk) == [False, False, False]


def test_a_file_that_is_being_written_is_left_alone(on_disk: CatalogueOnDisk) -> None:
    with on_disk.path.open("a") as editor:
        for _ in range(5):
            editor.write(" ")
            editor.flush()
            assert not on_disk.has_changed()
    assert on_disk.has_changed()


def test_a_change_that_is_taken_back_is_none(on_disk: CatalogueOnDisk) -> None:
    before = on_disk.path.stat()
    on_disk.path.write_text("", "utf-8")
    assert looks(on_disk, 1) == [False]
    write_json(on_disk.path, document(goal()))
    os.utime(on_disk.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert looks(on_disk) == [False, False, False]


def test_a_file_that_takes_the_place_of_another_is_a_change_though_it_has_its_size_and_time(
    on_disk: CatalogueOnDisk,
) -> None:
    before = on_disk.path.stat()
    other = write_json(on_disk.path.with_name("other"), document(goal(target=4)))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert other.stat().st_size == before.st_size
    other.rename(on_disk.path)
    assert looks(on_disk, 2) == [False, True]


def test_a_link_that_leads_elsewhere_is_a_change(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        write_json(tmp_path / version / "catalogue.json", document(goal()))
    mounted = tmp_path / "mounted"
    mounted.symlink_to(tmp_path / "one")
    on_disk = CatalogueOnDisk(mounted)
    on_disk.load()
    (tmp_path / "next").symlink_to(tmp_path / "two")
    (tmp_path / "next").rename(mounted)
    assert looks(on_disk, 2) == [False, True]


def test_files_that_come_and_go_change_a_folder(tmp_path: Path) -> None:
    one = write_json(tmp_path / "1.json", document(goal()))
    on_disk = CatalogueOnDisk(tmp_path)
    on_disk.load()
    (tmp_path / ".1.json.swp").write_text("an editor's", "utf-8")
    (tmp_path / "notes.txt").write_text("of no meaning", "utf-8")
    assert looks(on_disk) == [False, False, False]
    two = write_json(tmp_path / "2.json", document(goal()))
    assert looks(on_disk, 2) == [False, True]
    with pytest.raises(CatalogueInvalid):
        on_disk.load()
    one.rename(tmp_path / "3.json")
    assert looks(on_disk, 2) == [False, True]
    two.unlink()
    assert looks(on_disk, 2) == [False, True]
    assert list(on_disk.load().goals) == ["win"]


def test_a_file_that_is_gone_is_a_change_and_cannot_be_loaded(on_disk: CatalogueOnDisk) -> None:
    on_disk.path.unlink()
    assert looks(on_disk, 2) == [False, True]
    with pytest.raises(CatalogueInvalid, match="cannot be read"):
        on_disk.load()
    assert looks(on_disk) == [False, False, False]


def test_what_is_invalid_is_not_loaded_again_until_it_changes(on_disk: CatalogueOnDisk) -> None:
    on_disk.path.write_text("[", "utf-8")
    assert looks(on_disk, 2) == [False, True]
    with pytest.raises(CatalogueInvalid):
        on_disk.load()
    assert looks(on_disk) == [False, False, False]
    write_json(on_disk.path, document(goal()))
    assert looks(on_disk, 2) == [False, True]
