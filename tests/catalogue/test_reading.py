"""Unreadable and malformed files are reported as problems, and no file makes the loader fail in another way."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.catalogue import reading
from shared.catalogue.loader import load
from shared.catalogue.problem import Problem

from .documents import Mapping, document, documents, goal, problems_in, write_json


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    assert problems_in(file) == (Problem("", "cannot be read: No such file or directory", str(file)),)


def test_an_invalid_file_name_is_a_problem(tmp_path: Path) -> None:
    assert [problem.message for problem in problems_in(tmp_path / ("a" * 5_000))] == [
        "cannot be read: File name too long"
    ]


def test_a_folder_without_catalogue_files_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").touch()
    message = "the folder has no .yaml, .yml or .json file"
    assert problems_in(tmp_path) == (Problem("", message, str(tmp_path)),)


def test_a_folder_named_like_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").mkdir()
    write_json(tmp_path / "new.json", document(goal()))
    assert problems_in(tmp_path) == (Problem("", "is not a regular file", str(tmp_path / "old.yaml")),)


def test_a_too_large_file_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_json(tmp_path / "large.json", document(goal()))
    monkeypatch.setattr(reading, "FILE_BYTES_MAX", file.stat().st_size)
    assert problems_in(file) == ()
    file.write_text(file.read_text() + " ")
    assert [problem.message for problem in problems_in(file)] == [
        "is too large: the files of a catalogue can have 0 MiB"
    ]


def test_a_pipe_can_be_read_if_it_is_allowed(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write_json, args=(pipe, document(goal())))
    writer.start()
    assert list(load(pipe, pipe_allowed=True).goals) == ["win"]
    writer.join()


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    file = write_json(tmp_path / "marked.json", document(goal()))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert problems_in(file) == ()


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ('{"challenges": [],\n "challenges": [{}]}', None, "challenges: is given twice"),
        ('{"challenges":\n [}', 2, "not JSON: Expecting value"),
        ("null", None, "is empty"),
        ("", 1, "not JSON: Expecting value"),
        ("[" * 17 + "]" * 17, None, "nested more than 16 levels deep"),
        ("[" * 200_000, None, "nested more than 16 levels deep"),
        ("1" * 5_000, None, "not JSON that can be read: a number has too many digits"),
        ("NaN", None, "must be a mapping"),
        ('"a" # no comments', 1, "not JSON: Extra data"),
    ],
)
def test_faulty_json_is_a_problem(tmp_path: Path, text: str, line: int | None, problem: str) -> None:
    file = tmp_path / "catalogue.json"
    file.write_text(text)
    first = problems_in(file)[0]
    assert (str(first._replace(file="", line=None)), first.line) == (problem, line)


@pytest.mark.parametrize("key", ["id", "name", "description", "stat"])
def test_a_lone_surrogate_is_a_problem(tmp_path: Path, key: str) -> None:
    file = write_json(tmp_path / "catalogue.json", document(goal(**{"goal_id": "win", key: "\ud800"})))
    message = "is not valid Unicode: half of a surrogate pair"
    assert problems_in(file) == (Problem(f"challenges[0].goals[0].{key}", message, str(file)),)


def test_a_huge_number_in_yaml_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text(yaml.safe_dump(document(goal(target=0))).replace("target: 0", "target: " + "9" * 5_000))
    assert [problem.message for problem in problems_in(file)] == ["must be a whole number"]


def test_problems_stay_on_one_line(tmp_path: Path) -> None:
    file = write_json(tmp_path / "catalogue.json", {"a\nb\x1b" * 1_000: 1, **document(goal(requires=["c\nd" * 1_000]))})
    for problem in problems_in(file):
        assert str(problem).isprintable()
        assert len(str(problem)) < 1_000


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@st.composite
def damaged(draw: st.DrawFn) -> object:
    """Draw a document with one value replaced by anything."""
    content: Mapping = {"document": draw(documents())}
    part: object = content
    while isinstance(part, dict | list) and part:
        key = draw(st.sampled_from(list(part) if isinstance(part, dict) else range(len(part))))
        if draw(st.integers(0, 2)) == 0:
            part[key] = draw(values)
            break
        part = part[key]
    return content["document"]


UNFILLED = re.compile(r"\{\w*\}")
"""A placeholder of a message that was not filled in."""


@given(damaged())
def test_any_document_loads_or_is_refused_with_our_messages(content: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for problem in problems_in(write_json(Path(folder, "catalogue.json"), content)):
            assert "Input should" not in problem.message
            assert not UNFILLED.search(problem.message)


@given(st.text(alphabet=":-[]{}&*!#|>'\"%@`\n\t a0,?") | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_refused_with_problems(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("catalogue.yaml", "catalogue.json"):
            file = Path(folder, name)
            file.write_text(text, "latin-1")
            assert problems_in(file)
