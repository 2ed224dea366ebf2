"""`python -m admin pools preview`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.admin.site import admin
from tests.catalogue.documents import document, goal, write_json
from tests.support.pool_catalogue import pool_document


def test_a_preview_shows_what_players_would_get(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_json(tmp_path / "catalogue.json", pool_document(no_repeat=1))
    assert admin("pools", "preview", str(file), "--players", "300") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("daily-picks: 2 of 8 goals for 300 players, from 20")
    assert lines[1].split() == ["goal", "weight", "share"]
    shares = {line.split()[0]: float(line.split()[2]) for line in lines[2:10]}
    assert sum(shares.values()) == pytest.approx(200, abs=1)
    assert lines[10].endswith("% of players get a goal again that they have had within 1 period")


def test_a_pool_that_is_too_small_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = pool_document(goal("a"), goal("b", suspended=True))
    assert admin("pools", "preview", str(write_json(tmp_path / "catalogue.json", content)), "--players", "10") == 0
    assert "too small: 100.0 % of players get fewer goals than 2" in capsys.readouterr().out


def test_a_catalogue_without_pools_or_with_problems_has_no_preview(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        admin("pools", "preview", str(write_json(tmp_path / "none.json", document(goal()))))
    assert ended.value.code == 1
    assert "the catalogue has no pools" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        admin("pools", "preview", str(write_json(tmp_path / "bad.json", document(goal(target=0)))))
    assert ended.value.code == 1
    assert "challenges[0].goals[0].target: must be at least 1" in capsys.readouterr().err
