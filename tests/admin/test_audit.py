"""`python -m admin audit`, and that every command which changes something is recorded there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared.postgres import schema
from shared.postgres.migrations import migration_files
from tests.admin.site import Site, admin
from tests.support.services import ACTING, rows

Captured = pytest.CaptureFixture[str]

WHO = ("--operator", "ada", "--reason", "a test")
SINCE_AUDITS = [path.stem for path in migration_files() if path.stem >= "0028-operator-audit"]


def listed(capsys: Captured, *options: str) -> list[dict[str, Any]]:
    """Return the recorded changes, the oldest first."""
    capsys.readouterr()
    assert admin("audit", "--json", *options) == 0
    return [json.loads(line) for line in reversed(capsys.readouterr().out.splitlines())]


def drift(site: Site) -> None:
    with psycopg.connect(site.database_url) as connection:
        connection.execute("UPDATE standing SET points = 77 WHERE user_id = 'player 1'")


def test_every_change_is_recorded_with_who_made_it_and_why(site: Site, capsys: Captured) -> None:
    drift(site)
    assert admin("points", "adjust", "player 2", "+5", *WHO) == 0
    assert admin("recalculate", "player 1", *WHO) == 0
    assert admin("identity", "renew", *WHO) == 0
    assert admin("boards", "rebuild", "champions", *WHO) == 0
    assert admin("verify", "--repair", *WHO) == 0
    assert admin("optimize", "--full", *WHO) == 0
    found = listed(capsys)
    assert [(each["kind"], each["phase"], each["user_id"]) for each in found] == [
        ("points adjust", "DONE", "player 2"),
        ("recalculate", "DONE", "player 1"),
        ("identity renew", "DONE", None),
        ("boards rebuild", "BEGUN", None),
        ("boards rebuild", "DONE", None),
        ("verify repair", "BEGUN", None),
        ("verify repair", "DONE", None),
        ("optimize", "BEGUN", None),
        ("optimize", "DONE", None),
    ]
    assert {(each["operator"], each["reason"]) for each in found} == {("ada", "a test")}
    assert {each["database_role"] for each in found} == {site.rows("SELECT session_user")[0][0]}
    assert found[0]["details"]["points"] == 5
    assert {standing["before"]["points"] for standing in found[1]["details"]["standings"]} == {77}
    assert found[2]["details"]["before"]["key"] != found[2]["details"]["after"]["key"]
    assert [found[n]["begun_id"] for n in (4, 6, 8)] == [found[n]["audit_id"] for n in (3, 5, 7)]
    assert any("indexes" in step for step in found[-1]["details"]["steps"])


@pytest.mark.usefixtures("site")
def test_acts_that_change_nothing_are_not_recorded(capsys: Captured) -> None:
    assert admin("recalculate", "--all") == 0
    assert admin("recalculate", "player 1", "--dry-run") == 0
    assert admin("points", "adjust", "player 2", "+5", "--dry-run", *WHO) == 0
    assert admin("optimize", "--full", "--dry-run") == 0
    assert admin("verify") == 0
    assert admin("boards", "list") == 0
    assert listed(capsys) == []


def test_a_rebuild_that_is_rolled_back_is_not_recorded(site: Site, capsys: Captured) -> None:
    drift(site)
    with psycopg.connect(site.database_url) as connection:
        connection.execute("ALTER TABLE operator_audit ADD CONSTRAINT full_disk CHECK (kind <> 'recalculate')")
    with pytest.raises(Exception, match=r"full_disk|operator_audit"):
        admin("recalculate", "player 1")
    assert site.rows("SELECT DISTINCT points FROM standing WHERE user_id = 'player 1'") == [(77,)]
    assert listed(capsys) == []


def test_a_change_that_fails_leaves_its_intention_and_outcome(
    site: Site, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise SystemExit(1)

    monkeypatch.setattr("admin.leaderboard_access.LeaderboardAccess.build_all", fail)
    with pytest.raises(SystemExit):
        admin("boards", "rebuild", "--all", *WHO)
    assert [(each["kind"], each["phase"]) for each in listed(capsys)] == [
        ("boards rebuild", "BEGUN"),
        ("boards rebuild", "FAILED"),
    ]
    assert site.rows("SELECT count(*) FROM operator_audit WHERE begun_id IS NOT NULL") == [(1,)]


def test_the_list_is_filtered_and_paged(site: Site, capsys: Captured) -> None:
    for number in range(5):
        assert admin("points", "adjust", f"player {number % 2}", "+1", *WHO) == 0
    assert admin("identity", "renew", *WHO) == 0
    assert len(listed(capsys, "--player", "player 0")) == 3
    assert len(listed(capsys, "--kind", "points")) == 5
    assert len(listed(capsys, "--kind", "points adjust")) == 5
    assert listed(capsys, "--kind", "point") == []
    assert listed(capsys, "--since", "2999-01-01") == []
    assert len(listed(capsys, "--since", "2024-01-01")) == 6
    page = listed(capsys, "--limit", "4")
    rest = listed(capsys, "--before", str(page[0]["audit_id"]))
    assert [each["audit_id"] for each in rest + page] == [
        audit_id for (audit_id,) in site.rows("SELECT audit_id FROM operator_audit ORDER BY 1")
    ]


def test_texts_are_escaped(site: Site, capsys: Captured) -> None:
    with psycopg.connect(site.database_url) as connection:
        connection.execute(
            "INSERT INTO points_adjustment (user_id, adjustment_id, points, operator, reason, adjust_time)"
            " VALUES ('player 1', gen_random_uuid(), 1, e'a\\x1b[2J', e'b\\u202e', now())"
        )
    assert admin("audit") == 0
    assert admin("audit", "--json") == 0
    shown = capsys.readouterr().out
    assert "a\\x1b[2J" in shown
    assert shown.replace("\n", "").isprintable()


def test_migrations_and_their_undoing_are_recorded(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    schema.roll_back(database_url, len(SINCE_AUDITS))
    assert admin("migrate", *WHO) == 0
    found = listed(capsys, "--kind", "migrate")
    assert [(each["phase"], each["begun_id"]) for each in found] == [("DONE", None)], "there was no audit before"
    assert found[0]["details"] == {}
    assert admin("migrate", *WHO) == 0
    assert len(listed(capsys)) == len(found)


def test_audits_of_earlier_releases_are_copied(database_url: str) -> None:
    schema.roll_back(database_url, len(SINCE_AUDITS))
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO reward_audit (act_time, operator, action, grant_id, reason, before)"
            " VALUES (now(), 'ada', 'bury', gen_random_uuid(), 'why', '{}')"
        )
        connection.execute(
            "INSERT INTO points_adjustment (user_id, adjustment_id, points, operator, reason, adjust_time)"
            " VALUES ('ana', gen_random_uuid(), 1, 'bob', 'why', now())"
        )
    schema.migrate(database_url, ACTING)
    query = "SELECT operator, kind, user_id FROM operator_audit WHERE kind <> 'migrate' ORDER BY operator"
    assert rows(database_url, query) == [("ada", "rewards bury", None), ("bob", "points adjust", "ana")]


def test_a_catalogue_check_changes_nothing(site: Site, capsys: Captured, tmp_path: Path) -> None:
    assert admin("catalogue", "check", str(site.catalogue_file), "--database") == 0
    assert tmp_path.exists()
    assert listed(capsys) == []
