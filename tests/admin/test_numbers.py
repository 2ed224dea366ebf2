"""Numbers on the command line."""

from __future__ import annotations

import pytest

from tests.admin.site import admin


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--sample", "0"],
        ["verify", "--sample", "-5"],
        ["boards", "list", "--finals", "10001"],
        ["boards", "show", "champions", "--top", "501"],
        ["optimize", "--full", "--warm-players", "10000001"],
        ["report", "--statements", "0"],
        ["rewards", "list", "--limit", "0"],
        ["player", "replay", "player", "--horizon-h", "0"],
        ["pools", "preview", "catalogue.yaml", "--players", "0"],
        ["migrate", "--back", "0"],
        ["migrate", "--back", "-1"],
        ["migrate", "--wait", "0"],
    ],
    ids=" ".join,
)
def test_a_number_out_of_bounds_is_refused_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        admin(*arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"{arguments[-1]} is not in the range" in error
    assert len(error) < 200


def test_a_text_that_is_no_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        admin("verify", "--sample", "many")
    assert "'many' is not a valid integer range" in capsys.readouterr().err
