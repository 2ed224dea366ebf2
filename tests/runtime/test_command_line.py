"""The output of `--settings`, and of a service that is started with invalid settings."""

from __future__ import annotations

import pytest

from shared.runtime.service import run_service
from tests.runtime.tiny_service import SERVICE


def test_settings_are_printed_with_their_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_service(SERVICE, ["--settings"], {"TINY_PORT": "4000"}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["VARIABLE", "VALUE", "DEFAULT", "UNIT", "MEANING"]
    assert ["TINY_PORT", "4000", "0"] in [line.split()[:3] for line in lines]


def test_invalid_settings_are_all_named_and_the_exit_code_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_service(SERVICE, ["--settings"], {"TINY_PORT": "x", "TINY_THREADS": "0"}) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "TINY_PORT is 'x', must be a whole number\nTINY_THREADS is 0, must be at least 1\n"


@pytest.mark.parametrize("count", ["0", "-1", "x"])
def test_the_number_of_workers_must_be_at_least_one(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_service(SERVICE, ["--workers", count], {})
    assert "--workers" in capsys.readouterr().err
