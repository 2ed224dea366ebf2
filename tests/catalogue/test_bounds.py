"""Files named by mistake are refused quickly, whatever they contain, and problems are counted rather than listed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.catalogue import bounds, folder, reading
from shared.catalogue.bounds import FILE_BYTES_MAX, KEYS_MAX, VALUES_MAX
from shared.catalogue.json_document import parse_json
from shared.catalogue.loader import load, load_with_warnings
from shared.catalogue.on_disk import CatalogueOnDisk
from shared.catalogue.problem import PROBLEMS_COUNTED_MAX, PROBLEMS_MAX, CatalogueInvalid, Problem

from .documents import document, goal, problems_in, write_json

LOADED_WITHIN_S = 60.0

JUNK = {
    "list.yaml": "[" + "0," * 7_000_000 + "0]",
    "list.json": "[" + "0," * 7_000_000 + "0]",
    "lists.json": "[" + "[]," * 5_000_000 + "[]]",
    "objects.json": "[" + "{}," * 5_000_000 + "{}]",
    "challenges.json": '{"challenges": [' + "{}," * 5_000_000 + "{}]}",
    "challenges.yaml": "challenges: [" + "{}," * 2_000_000 + "{}]",
    "stats.yaml": "stats: [" + "0," * 250_000 + "0]",
    "goals.json": '{"challenges": [{"goals": [' + "{}," * 140_000 + "{}]}]}",
    "keys.yaml": "".join(f"key{number}: 0\n" for number in range(100_000)),
    "keys.json": json.dumps(dict.fromkeys(map(str, range(100_000)))),
    "brackets.yaml": "[" * 8_000_000,
    "brackets.json": "[" * 8_000_000,
    "dashes.yaml": "- " * 8_000_000,
    "long_text.json": '"' + "x" * 15_000_000,
    "escapes.json": '["' + "\\n" * 7_000_000 + '"]',
    "long_number.yaml": "a: " + "9" * 15_000_000 + ".0",
    "long_number.json": "9" * 15_000_000 + ".0",
    "comments.yaml": "#\n" * 8_000_000,
    "anchors.yaml": "a: &a [" + "0," * 1_000 + "0]\nb: [" + "*a," * 1_000_000 + "0]",
    "documents.yaml": "---\n" * 4_000_000,
    "large.yaml": "a" * (FILE_BYTES_MAX + 1),
}


@pytest.fixture(scope="module")
def loader() -> Iterator[subprocess.Popen[str]]:
    """Yield a process that loads catalogues within little memory."""
    command = [sys.executable, "-m", "tests.catalogue.load_junk"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield process
        process.stdin.close()  # type: ignore[union-attr]
        assert process.wait(LOADED_WITHIN_S) == 0


@pytest.mark.parametrize("name", JUNK)
def test_junk_is_refused_within_little_memory(tmp_path: Path, name: str, loader: subprocess.Popen[str]) -> None:
    file = tmp_path / name
    file.write_text(JUNK[name])
    assert loader.stdin is not None
    assert loader.stdout is not None
    loader.stdin.write(f"{file}\n")
    assert 1 <= int(loader.stdout.readline()) <= PROBLEMS_MAX + 1


def test_problems_beyond_a_hundred_are_only_counted(tmp_path: Path) -> None:
    content = document(goal(), **{f"key{number}": 0 for number in range(450)})
    with pytest.raises(CatalogueInvalid) as refused:
        load(write_json(tmp_path / "catalogue.json", content))
    assert refused.value.count == 450
    assert len(refused.value.problems) == PROBLEMS_MAX + 1
    assert refused.value.problems[-1] == Problem("", "and 350 more problems")


def test_the_first_of_too_many_problems_are_reported(tmp_path: Path) -> None:
    keys = {f"key{number}": 0 for number in range(900)}
    with pytest.raises(CatalogueInvalid) as refused:
        load(write_json(tmp_path / "catalogue.json", document(*[{**goal(f"goal-{n}"), **keys} for n in range(20)])))
    assert refused.value.count == PROBLEMS_COUNTED_MAX
    assert refused.value.problems[-1] == Problem("", "and at least 9,900 more problems")


def test_the_reported_problems_are_the_first_in_reading_order(tmp_path: Path) -> None:
    lines = [f"key{number}: 0\n" for number in range(300)]
    (tmp_path / "b.yaml").write_text("".join(lines))
    (tmp_path / "a.yaml").write_text("".join(lines[:40]))
    found = [(Path(problem.file).name, problem.line) for problem in problems_in(tmp_path)[:PROBLEMS_MAX]]
    # One of them says that there is no challenge.
    assert [file for file, _ in found].count("a.yaml") == 41
    assert found == sorted(found)


def test_values_are_bounded_over_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = document(goal("win"), stats=["a"]), {"stats": ["b", "c"]}
    write_json(tmp_path / "a.json", one)
    write_json(tmp_path / "b.json", other)
    values = parse_json((tmp_path / "a.json").read_text()).values + parse_json((tmp_path / "b.json").read_text()).values
    monkeypatch.setattr(reading, "VALUES_MAX", values)
    assert problems_in(tmp_path) == ()
    monkeypatch.setattr(reading, "VALUES_MAX", values - 1)
    message = f"the files of a catalogue can have at most {VALUES_MAX:,} values"
    assert problems_in(tmp_path) == (Problem("", message, str(tmp_path / "b.json"), 1),)


def test_bytes_are_bounded_over_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("#" * (FILE_BYTES_MAX - 100) + "\nstats: [a]")
    write_json(tmp_path / "b.json", document(goal()))
    assert problems_in(tmp_path) == (
        Problem("", "is too large: the files of a catalogue can have 16 MiB", str(tmp_path / "b.json")),
    )


@pytest.mark.parametrize("name", ["catalogue.yaml", "catalogue.json"])
def test_keys_of_a_mapping_are_bounded(tmp_path: Path, name: str) -> None:
    write_json(tmp_path / name, dict.fromkeys(map(str, range(KEYS_MAX)), "x"))
    assert problems_in(tmp_path)[0].message == "is not a known key"
    write_json(tmp_path / name, dict.fromkeys(map(str, range(KEYS_MAX + 1)), "x"))
    assert [problem.message for problem in problems_in(tmp_path)] == ["a mapping can have at most 1,000 keys"]


@pytest.mark.parametrize("text", ['["a,b[{", "\\"[,", "\\\\"]', "[]", "{}", '{"a": [1, 2, {"b": 3}]}', "1"])
def test_values_of_json_are_counted_outside_strings(text: str) -> None:
    def count(value: object) -> int:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + sum(map(count, parts))

    # An empty list or mapping counts as two.
    empty = text.count("[]") + text.count("{}")
    assert parse_json(text).values == count(json.loads(text)) + empty


def test_files_of_a_folder_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        write_json(tmp_path / f"{number}.json", document(goal(str(number))) | {"stats": [str(number)]})
    monkeypatch.setattr(reading, "FILES_MAX", 3)
    message = "the folder has too many files: a catalogue can have at most 3"
    assert problems_in(tmp_path) == (Problem("", message, str(tmp_path)),)
    monkeypatch.setattr(reading, "FILES_MAX", bounds.FILES_MAX)
    monkeypatch.setattr(folder, "ENTRIES_MAX", 3)
    assert [problem.message.split(":")[0] for problem in problems_in(tmp_path)] == ["the folder has too many files"]
    assert not CatalogueOnDisk(tmp_path, load_with_warnings).has_changed(), "the first poll only remembers"


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/stdin"])
def test_devices_are_not_read(device: str, tmp_path: Path) -> None:
    with open("/dev/zero", "rb") as zero:
        finished = subprocess.run(
            [sys.executable, "-m", "admin", "catalogue", "check", device],
            stdin=zero,
            capture_output=True,
            text=True,
            check=False,
            timeout=LOADED_WITHIN_S,
        )
    assert (finished.returncode, finished.stderr) == (1, f"{device}: is not a regular file\n")
    (tmp_path / "linked.yaml").symlink_to(device)
    assert [problem.message for problem in problems_in(tmp_path)] == ["is not a regular file"]


@pytest.mark.parametrize("name", ["catalogue.yaml", ""])
def test_a_named_pipe_neither_blocks_loading_nor_polling(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "catalogue.yaml")
    on_disk = CatalogueOnDisk(tmp_path / name, load_with_warnings)
    with pytest.raises(CatalogueInvalid, match="is not a regular file"):
        on_disk.load()
    assert not on_disk.has_changed()


def test_links_that_lead_nowhere_are_problems(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("a.yaml")
    (tmp_path / "b.yaml").symlink_to("missing")
    (tmp_path / "c.yaml").symlink_to("d.yaml")
    (tmp_path / "d.yaml").symlink_to("c.yaml")
    assert [problem.message for problem in problems_in(tmp_path)] == [
        "cannot be read: Too many levels of symbolic links",
        "cannot be read: No such file or directory",
        "cannot be read: Too many levels of symbolic links",
        "cannot be read: Too many levels of symbolic links",
    ]
    on_disk = CatalogueOnDisk(tmp_path, load_with_warnings)
    with pytest.raises(CatalogueInvalid):
        on_disk.load()
    assert not on_disk.has_changed()
