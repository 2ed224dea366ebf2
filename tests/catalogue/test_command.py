"""`python -m admin catalogue check`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from admin.__main__ import main
from shared.catalogue.loader import load
from shared.operations.catalogue.catalogue_record import record_catalogue
from tests.support.databases import opened, soon
from tests.support.services import NOW

from .documents import document, goal, write_json


def test_check_prints_one_line_for_a_valid_catalogue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_json(tmp_path / "catalogue.json", document(goal("win"), goal("lose")))
    assert main(["catalogue", "check", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out == f"ok: 1 challenge, 2 goals, version {load(file).version}\n"
    assert err == ""


def test_check_prints_problems_to_standard_error_one_per_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_json(tmp_path / "catalogue.json", document(goal(target=0, count="Sum")))
    assert main(["catalogue", "check", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"{file}: challenges[0].goals[0].count: must be "
        "'latest', 'highest', 'sum', 'events', 'days', 'distinct', 'lowest', 'growth' or 'streak'",
        f"{file}: challenges[0].goals[0].target: must be at least 1",
    ]


def test_check_against_another_catalogue_lists_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write_json(tmp_path / "old.json", document(goal(target=3)))
    new = write_json(tmp_path / "new.json", document(goal(target=4)))
    assert main(["catalogue", "check", str(new), "--against", str(old)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["goal 'win': target changes from 3 to 4"]
    assert main(["catalogue", "check", str(new), "--against", str(new)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["nothing changes"]


def test_check_refuses_incompatible_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write_json(tmp_path / "old.json", document(goal(count="sum")))
    new = write_json(tmp_path / "new.json", document(goal(count="highest")))
    assert main(["catalogue", "check", str(new), "--against", str(old)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("goal 'win': count changes from sum to highest: ")


def test_check_reports_problems_of_both_catalogues(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "check", str(tmp_path / "new"), "--against", str(tmp_path / "old")]) == 1
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [
        str(tmp_path / "new"),
        str(tmp_path / "old"),
    ]


def test_check_refuses_what_contradicts_the_record_in_the_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    old = write_json(tmp_path / "old.json", document(goal(count="sum")))
    new = write_json(tmp_path / "new.json", document(goal(count="highest")))
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(["catalogue", "check", str(new), "--database"]) == 0, "nothing ran there yet"
    with opened(database_url, pool_size=1) as database:
        record_catalogue(database, load(old), NOW, soon())
    capsys.readouterr()
    assert main(["catalogue", "check", str(old), "--database"]) == 0
    assert main(["catalogue", "check", str(new), "--database", "--against", str(old)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("goal 'win': count changes from sum to highest: ")
    assert len(err.splitlines()) == 1, "what both say is said once"


def test_check_warns_of_ids_that_look_like_recorded_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    file = write_json(tmp_path / "catalogue.json", document(goal("win ")))
    with opened(database_url, pool_size=1) as database:
        record_catalogue(database, load(file), NOW, soon())
    write_json(file, document(goal("win")))
    assert main(["catalogue", "check", str(file), "--database"]) == 0
    warning = "warning: goal 'win': looks like goal 'win ' of an earlier catalogue, but is another one\n"
    assert capsys.readouterr().err == warning


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (None, "DATABASE_URL: is not set\n"),
        ("postgresql://nobody@127.0.0.1:1/nothing", "DATABASE_URL: the database is not available\n"),
    ],
)
def test_check_reports_a_database_record_it_cannot_read(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    url: str | None,
    problem: str,
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    if url is not None:
        monkeypatch.setenv("DATABASE_URL", url)
    file = write_json(tmp_path / "catalogue.json", document(goal()))
    assert main(["catalogue", "check", str(file), "--database"]) == 1
    assert capsys.readouterr().err == problem


@pytest.mark.parametrize(
    "argv", [[], ["catalogue"], ["catalogue", "check"], ["catalog"], ["catalogue", "check", "a", "b"]]
)
def test_wrong_usage_exits_with_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("Usage: python -m admin")


@pytest.mark.parametrize("argv", [["--help"], ["catalogue", "--help"], ["catalogue", "check", "--help"]])
def test_every_command_level_has_help(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    assert "check" in capsys.readouterr().out.lower()


def test_the_module_runs_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "admin", "catalogue", "check", str(tmp_path / "none.yaml")]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory\n"
