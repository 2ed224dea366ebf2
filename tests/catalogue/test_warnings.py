"""Warnings about catalogues that can be used: ignored files, and ids that look like others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.__main__ import main
from shared.catalogue.loader import load, warnings_about
from shared.catalogue.lookalikes import lookalikes
from shared.catalogue.pool_rules import small_pools
from shared.domain.catalogue import Catalogue

from .documents import document, goal, loaded, problems_in, write_json


def warned(catalogue: Catalogue) -> list[str]:
    return [str(warning) for warning in lookalikes(catalogue)]


def test_ignored_entries_of_a_folder_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(tmp_path / "a.json", document(goal()))
    for name in ("B.YAML", "c.yaml.bak", "d.Json", "e.yml~", "readme.txt", ".f.yaml", "..data"):
        write_json(tmp_path / name, document(goal("other")))
    (tmp_path / "sub").mkdir()
    write_json(tmp_path / "sub" / "b.json", document(goal("other")))
    (tmp_path / ".git").mkdir()
    warnings = warnings_about(tmp_path, load(tmp_path))
    assert [Path(warning.file).name for warning in warnings] == ["B.YAML", "c.yaml.bak", "d.Json", "e.yml~", "sub"]
    assert main(["catalogue", "check", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("ok: 1 challenge, 1 goal")
    assert err.splitlines() == [f"warning: {warning}" for warning in warnings]
    assert f"warning: {tmp_path / 'sub'}: is ignored: files in subfolders are not read" in err


def test_a_single_file_has_no_ignored_entries(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    file = write_json(tmp_path / "a.json", document(goal()))
    assert warnings_about(file, load(file)) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zo\u00eb", "Zoe\u0308"),
        ("win", "win\u200b"),
        ("win", "\ufeffwin"),
        ("win", "wi\u00adn"),
        ("win", "win "),
        ("win", " win"),
        ("win it", "win\u00a0it"),
        ("win it", "win  it"),
        ("win", "win\u3164"),
        ("\u2764", "\u2764\ufe0f"),
        ("win", "\uff57\uff49\uff4e"),
    ],
)
def test_ids_that_look_alike_are_reported(one: str, other: str) -> None:
    expected = f"goal {other!a}: looks like goal {one!a}, but is another one"
    assert expected in warned(loaded(document(goal(one), goal(other))))


@pytest.mark.parametrize(
    ("text", "peculiarity"),
    [
        ("win ", "begins or ends with a space"),
        ("\u3000win", "begins or ends with a space"),
        ("Zoe\u0308", "is not in Unicode's normal form NFC"),
        ("w\u200bin", "contains the invisible character U+200B"),
        ("win\u200d", "contains the invisible character U+200D"),
        ("win\u202e", "contains the invisible character U+202E"),
        ("w\u00a0in", "contains the unusual space U+00A0"),
        ("w\u2028in", "contains the unusual space U+2028"),
    ],
)
def test_ids_with_invisible_peculiarities_are_reported(text: str, peculiarity: str) -> None:
    assert f"goal {text!a}: {peculiarity}, and ids are permanent" in warned(loaded(document(goal(text))))


def test_every_kind_of_id_is_checked() -> None:
    reward = {"type": "ITEM", "id": "box ", "quantity": 1}
    content = document(goal("win ", stat="wins ", tags=["pvp "], reward=reward), stats=["losses "])
    content["challenges"][0]["id"] = "arena "
    content["leaderboards"] = [{"id": "top ", "name": "Top", "over": "points"}]
    content["seasons"] = [{"id": "winter ", "starts": "2026-12-01T00:00:00Z", "ends": "2026-12-24T00:00:00Z"}]
    content["schedules"] = [{"id": "in winter ", "season": "winter "}]
    kinds = [warning.split(" ")[0] for warning in warned(loaded(content))]
    assert kinds == ["challenge", "goal", "leaderboard", "stat", "stat", "tag", "schedule", "season", "reward"]


@pytest.mark.parametrize(
    "text", ["win", "win-3", "Win", "Zo\u00eb", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u4e2d"]
)
def test_ordinary_ids_are_not_reported(text: str) -> None:
    assert warned(loaded(document(goal(text), goal("other")))) == []


def test_ids_of_different_kinds_may_look_alike() -> None:
    assert warned(loaded(document(goal("arena", stat="arena", tags=["arena"])))) == []


@given(st.lists(st.text("ab \u00e4\u0301\u200b\u200d\U0001f468", min_size=1, max_size=4), min_size=1, unique=True))
def test_no_id_makes_the_check_fail(ids: list[str]) -> None:
    for warning in warned(loaded(document(*map(goal, ids)))):
        assert warning.isascii()


@pytest.mark.parametrize("style", [">", "|", ">\n\n"])
def test_a_folded_text_with_a_line_break_at_its_end_is_refused_with_a_hint(tmp_path: Path, style: str) -> None:
    file = tmp_path / "catalogue.yaml"
    text = (
        "challenges:\n  - id: arena\n    name: {style}\n      Arena\n    goals:\n"
        "      - {{id: win, name: Win, source: login, count: events, target: 1,"
        " reward: {{type: ITEM, id: BOX, quantity: 1}}}}\n"
    )
    file.write_text(text.format(style=style))
    [problem] = problems_in(file)
    assert problem.path == "challenges[0].name"
    assert (
        problem.message == "begins or ends with a line break: write it on one line, or with >- or |- instead of > or |"
    )
    file.write_text(text.format(style=">-") + "    description: >\n      Win matches.\n")
    assert problems_in(file) == ()


@pytest.mark.parametrize(
    ("members", "select", "no_repeat", "warning"),
    [
        (6, 3, 1, None),
        (5, 3, 1, "has 5 goals to draw from, but 3 in each of 2 periods without repeats take at least 6"),
        (1, 1, 30, "has 1 goals to draw from, but 1 in each of 31 periods without repeats take at least 31"),
        (3, 3, 0, None),
    ],
)
def test_a_pool_too_small_for_its_periods_is_reported(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    members: int,
    select: int,
    no_repeat: int,
    warning: str | None,
) -> None:
    content = document(
        *(goal(f"win-{number}") for number in range(members)), schedules=[{"id": "daily", "every": "day"}]
    )
    content["challenges"][0] |= {"schedule": "daily", "select": select, "no_repeat": no_repeat}
    assert main(["catalogue", "check", str(write_json(tmp_path / "a.json", content))]) == 0
    err = capsys.readouterr().err
    assert err == ("" if warning is None else f"warning: challenge 'arena': {warning}: goals will repeat\n")


def test_suspended_goals_of_a_pool_are_missing() -> None:
    content = document(goal("a"), goal("b", suspended=True), schedules=[{"id": "daily", "every": "day"}])
    content["challenges"][0] |= {"schedule": "daily", "select": 2}
    assert [str(warning) for warning in small_pools(loaded(content))] == [
        "challenge 'arena': has 1 goals to draw from, but 2 in a period without repeats take at least 2: "
        "goals will be missing"
    ]
