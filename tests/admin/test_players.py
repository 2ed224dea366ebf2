"""`python -m admin stats`, `points` and `recalculate`: commands on players."""

from __future__ import annotations

import pytest

from tests.admin.site import Site, admin
from tests.catalogue.documents import write_json
from tests.support.sample_catalogue import assigned, challenge

Captured = pytest.CaptureFixture[str]

LOSER = "player 0"


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "arguments",
    [
        ["stats", "show", "nobody"],
        ["recalculate", "nobody"],
        ["recalculate", "nobody", "--dry-run"],
        ["points", "adjust", "nobody", "+5", "--reason", "a gift"],
    ],
    ids=" ".join,
)
def test_an_unknown_player_is_refused(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        admin(*arguments)
    assert ended.value.code == 1
    assert capsys.readouterr() == ("", "nothing is stored of the player nobody\n")


@pytest.mark.parametrize(
    "arguments",
    [["recalculate", "--all"], ["recalculate", LOSER, "--dry-run"], ["points", "adjust", LOSER, "+5", "--reason", "x"]],
    ids=" ".join,
)
def test_a_catalogue_that_never_ran_here_is_refused(site: Site, capsys: Captured, arguments: list[str]) -> None:
    write_json(site.catalogue_file, {"challenges": [challenge("other", assigned("other"))]})
    with pytest.raises(SystemExit) as ended:
        admin(*arguments)
    assert ended.value.code == 1
    assert "no service has run here with the catalogue" in capsys.readouterr().err


@pytest.mark.usefixtures("site")
def test_a_player_without_completions_is_known(capsys: Captured) -> None:
    assert admin("stats", "show", LOSER) == 0
    assert admin("recalculate", LOSER) == 0
    assert "1 player checked, 0 standings had drifted" in capsys.readouterr().out
