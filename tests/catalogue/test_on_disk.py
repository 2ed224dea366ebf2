"""Detection of changes of a catalogue's files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.catalogue.loader import load_with_warnings
from shared.catalogue.on_disk import CatalogueOnDisk
from shared.catalogue.problem import CatalogueInvalid

from .documents import document, goal, write_json


def polls(on_disk: CatalogueOnDisk, times: int = 3) -> list[bool]:
    """Return the results of consecutive polls."""
    return [on_disk.has_changed() for _ in range(times)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_json(tmp_path / "catalogue.json", document(goal()))


@pytest.fixture
def on_disk(file: Path) -> CatalogueOnDisk:
    loaded = CatalogueOnDisk(file, load_with_warnings)
    loaded.load()
    return loaded


def test_loaded_files_have_not_changed(on_disk: CatalogueOnDisk) -> None:
    assert polls(on_disk) == [False, False, False]


def test_a_change_is_reported_from_the_second_poll_until_it_is_loaded(on_disk: CatalogueOnDisk) -> None:
    write_json(on_disk.path, document(goal(target=4)))
    assert polls(on_disk) == [False, True, True]
    assert on_disk.load().goals["win"].target == 4
    assert polls(on_disk) == [False, False, False]


def test_a_file_being_written_is_not_reported(on_disk: CatalogueOnDisk) -> None:
    with on_disk.path.open("a") as editor:
        for _ in range(5):
            editor.write(" ")
            editor.flush()
            assert not on_disk.has_changed()
    assert on_disk.has_changed()


def test_a_reverted_change_is_not_reported(on_disk: CatalogueOnDisk) -> None:
    before = on_disk.path.stat()
    on_disk.path.write_text("", "utf-8")
    assert polls(on_disk, 1) == [False]
    write_json(on_disk.path, document(goal()))
    os.utime(on_disk.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert polls(on_disk) == [False, False, False]


def test_a_replaced_file_with_the_same_size_and_time_is_a_change(
    on_disk: CatalogueOnDisk,
) -> None:
    before = on_disk.path.stat()
    other = write_json(on_disk.path.with_name("other"), document(goal(target=4)))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert other.stat().st_size == before.st_size
    other.rename(on_disk.path)
    assert polls(on_disk, 2) == [False, True]


def test_a_redirected_symlink_is_a_change(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        write_json(tmp_path / version / "catalogue.json", document(goal()))
    mounted = tmp_path / "mounted"
    mounted.symlink_to(tmp_path / "one")
    on_disk = CatalogueOnDisk(mounted, load_with_warnings)
    on_disk.load()
    (tmp_path / "next").symlink_to(tmp_path / "two")
    (tmp_path / "next").rename(mounted)
    assert polls(on_disk, 2) == [False, True]


def test_added_and_removed_files_change_a_folder(tmp_path: Path) -> None:
    one = write_json(tmp_path / "1.json", document(goal()))
    on_disk = CatalogueOnDisk(tmp_path, load_with_warnings)
    on_disk.load()
    (tmp_path / ".1.json.swp").write_text("an editor's swap file", "utf-8")
    (tmp_path / "notes.txt").write_text("not a catalogue", "utf-8")
    assert polls(on_disk) == [False, False, False]
    two = write_json(tmp_path / "2.json", document(goal()))
    assert polls(on_disk, 2) == [False, True]
    with pytest.raises(CatalogueInvalid):
        on_disk.load()
    one.rename(tmp_path / "3.json")
    assert polls(on_disk, 2) == [False, True]
    two.unlink()
    assert polls(on_disk, 2) == [False, True]
    assert list(on_disk.load().goals) == ["win"]


def test_a_deleted_file_is_a_change_and_cannot_be_loaded(on_disk: CatalogueOnDisk) -> None:
    on_disk.path.unlink()
    assert polls(on_disk, 2) == [False, True]
    with pytest.raises(CatalogueInvalid, match="cannot be read"):
        on_disk.load()
    assert polls(on_disk) == [False, False, False]


def test_an_invalid_file_is_not_reported_again_until_it_changes(on_disk: CatalogueOnDisk) -> None:
    on_disk.path.write_text("[", "utf-8")
    assert polls(on_disk, 2) == [False, True]
    with pytest.raises(CatalogueInvalid):
        on_disk.load()
    assert polls(on_disk) == [False, False, False]
    write_json(on_disk.path, document(goal()))
    assert polls(on_disk, 2) == [False, True]
