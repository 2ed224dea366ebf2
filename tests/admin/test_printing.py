"""Texts from players and operators, on terminals of all kinds."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from admin.__main__ import main
from admin.terminal import printable
from shared.domain.events import Event
from tests.admin.site import Site, admin
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.leaderboards import ranked_now
from tests.support.services import NOW
from tests.support.strategies import KILLS

Captured = pytest.CaptureFixture[str]

HOSTILE = "\x1b[2Jzoë \u202e\u200b\udc80"
HARMLESS = "\\x1b[2Jzoë \\u202e\\u200b\\udc80"


def run_in_ascii(*arguments: str | bytes, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process whose standard output takes only ASCII."""
    return subprocess.run(
        [sys.executable, "-m", "admin", *arguments],
        env={**os.environ, "PYTHONIOENCODING": "ascii", **variables},
        capture_output=True,
        encoding="ascii",
        errors="surrogateescape" if variables else None,
        check=False,
    )


ASCII_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A locale in which Python decodes only ASCII arguments."""


def test_characters_without_a_visible_form_are_escaped() -> None:
    assert printable(HOSTILE) == HARMLESS
    assert printable("tab\tline\nend\r\x85\u2028\ufeff\x00") == "tab\\tline\\nend\\r\\x85\\u2028\\ufeff\\x00"
    assert printable("[bold]Zoë 日本語 🎉") == "[bold]Zoë 日本語 🎉"


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\u202eb", "a\u200bb", "", "x" * 129, "a\tb"], ids=ascii)
@pytest.mark.parametrize("option", ["--operator", "--reason"])
def test_names_and_reasons_for_the_audit_are_visible(name: str, option: str, capsys: Captured) -> None:
    if option == "--reason":
        name = name.replace("x" * 129, "x" * 501)
    texts = {"--operator": "ada", "--reason": "a gift", option: name}
    with pytest.raises(SystemExit) as ended:
        main(["points", "adjust", "player", "+5", *(part for pair in texts.items() for part in pair)])
    assert ended.value.code == 2
    assert f"Invalid value for '{option}'" in capsys.readouterr().err


def test_a_quoted_argument_is_escaped(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main([f"audit\x1b[2J{HOSTILE}"])
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert "\u202e" not in error


def test_names_that_others_stored_are_escaped(site: Site, capsys: Captured) -> None:
    with connected(site.database_url) as connection:
        connection.execute(
            "INSERT INTO points_adjustment (user_id, adjustment_id, points, operator, reason, adjust_time)"
            " SELECT 'player 1', gen_random_uuid(), 1, E'\\x1b[2Jada', E'\\u202Ewhy', now()"
        )
    assert admin("stats", "show", "player 1") == 0
    assert "  \\x1b[2Jada (challenge): +1 (\\u202ewhy)" in capsys.readouterr().out


def test_leaderboards_are_shown_on_an_ascii_terminal(site: Site) -> None:
    with opened(site.database_url, pool_size=1) as database:
        flush(database, site.catalogue, [Event("zoë", "zoë\u202e", NOW, KILLS, value=1_000)], soon())
    ranked_now(site.database_url, site.catalogue)
    shown = run_in_ascii("boards", "show", "best", "--period", "2024-02-29")
    assert (shown.returncode, shown.stderr) == (0, "2 changes wait to get to Redis; running services deliver them\n")
    assert "zo\\xeb\\u202e" in shown.stdout


def test_arguments_are_utf_8_in_an_ascii_locale(site: Site) -> None:
    with opened(site.database_url, pool_size=1) as database:
        flush(database, site.catalogue, [Event("zoë", "zoë", NOW, KILLS, value=1_000)], soon())
    given = ("points", "adjust", "zoë", "+5", "--reason", "Grüße", "--operator", "ada")
    adjusted = run_in_ascii(*given, **ASCII_LOCALE)
    assert (adjusted.returncode, adjusted.stderr) == (0, "")
    with connected(site.database_url) as connection:
        assert connection.execute("SELECT user_id, reason FROM points_adjustment").fetchall() == [("zoë", "Grüße")]
    refused = run_in_ascii("stats", "show", b"zo\xeb", **ASCII_LOCALE)
    assert refused.returncode == 2
    assert "is not UTF-8" in refused.stderr


def test_the_reason_of_a_refused_connection_is_shown(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("DATABASE_URL", site.database_url + "_missing")
    with pytest.raises(SystemExit):
        main(["boards", "list"])
    assert "the database is not available: database " in capsys.readouterr().err


def test_a_user_without_a_name_can_run_commands(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    assert main(["--help"]) == 0
    assert main(["points", "adjust", "--help"]) == 0
    with pytest.raises(SystemExit) as ended:
        main(["points", "adjust", "player", "+5", "--reason", "a gift"])
    assert ended.value.code == 2
    assert "give --operator: user id 54321 has no name here" in capsys.readouterr().err
