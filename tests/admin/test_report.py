"""`python -m admin report`."""

from __future__ import annotations

import psycopg
import pytest

from tests.admin.site import PLAYERS, Site, admin
from tests.support.waiting import wait_until

Captured = pytest.CaptureFixture[str]


def report(captured: Captured, *arguments: str, status: int = 0) -> dict[str, list[list[str]]]:
    """Return the words of each printed line by the heading above it."""
    captured.readouterr()
    assert admin("report", *arguments) == status
    sections: dict[str, list[list[str]]] = {}
    for block in captured.readouterr().out.strip().split("\n\n"):
        heading, *lines = block.splitlines()
        sections[heading.split(",")[0]] = [line.split() for line in lines]
    return sections


def execute(site: Site, *statements: str) -> None:
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def row(lines: list[list[str]], name: str) -> list[str]:
    (found,) = [line for line in lines if line[0] == name]
    return found


def test_tables_are_shown_with_hot_updates_and_bloat(site: Site, capsys: Captured) -> None:
    for number in range(1, 4):
        site.play(number)
    updates = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'tally'"
    wait_until(lambda: site.rows(updates) == [(2 * PLAYERS * 3,)])
    execute(site, "VACUUM ANALYZE tally")
    tally = row(report(capsys)["tables"], "tally")
    # Three of four plays update the tallies of the lifetime and of the day.
    assert tally[5:7] == [f"{2 * PLAYERS}", "0"]
    [(hot,)] = site.rows("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'tally'")
    assert tally[9:11] == [f"{2 * PLAYERS * 3}", f"{100 * hot / (2 * PLAYERS * 3):.1f}"]
    execute(
        site,
        "INSERT INTO player SELECT 'p ' || n, 'UTC', timestamptz 'epoch' FROM generate_series(1, 5000) AS n",
        "ANALYZE player",
    )
    assert float(row(report(capsys)["tables"], "player")[7]) < 100, (
        "a table without dead rows has no bloat, near enough"
    )
    execute(site, "DELETE FROM player WHERE user_id LIKE '%5%'", "VACUUM ANALYZE player")
    bloated = row(report(capsys)["tables"], "player")
    assert float(bloated[7]) > 40
    assert bloated[8] == "KiB"


def test_the_ledger_is_shown_as_one_table(site: Site, capsys: Captured) -> None:
    execute(site, "SELECT make_event_seen_partition(date '2024-02-29')")
    moved = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'event_seen_20240229'"
    wait_until(lambda: site.rows(moved) == [(PLAYERS,)])
    tables = report(capsys)["tables"]
    assert [line[0] for line in tables if line[0].startswith("event_seen")] == ["event_seen"]
    assert row(tables, "event_seen")[5] == f"{PLAYERS}"


def test_unused_indexes_are_marked(site: Site, capsys: Captured) -> None:
    execute(
        site,
        "CREATE INDEX unused_index ON player (time_zone)",
        "SET enable_seqscan = off",
        "SELECT * FROM player WHERE user_id = 'ana'",
        "SELECT pg_stat_force_next_flush()",
    )
    indexes = report(capsys)["indexes"]
    assert row(indexes, "unused_index")[-1] == "unused"
    assert row(indexes, "player_pkey")[-1] != "unused"
    assert int(row(indexes, "player_pkey")[2]) > 0


def test_invalid_indexes_are_marked(site: Site, capsys: Captured) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        execute(site, "CREATE UNIQUE INDEX CONCURRENTLY half_built ON tally (stat_code)")
    assert row(report(capsys)["indexes"], "half_built")[-1] == "invalid"


def test_statements_are_shown_if_the_extension_is_installed(site: Site, capsys: Captured) -> None:
    printed = report(capsys)["statements that take the most time"]
    assert " ".join(printed[0]) == "not known: the extension pg_stat_statements is not installed"
    # The embedded server has no extensions: a view of the same name and columns.
    execute(
        site,
        "CREATE VIEW pg_stat_statements AS"
        " SELECT (SELECT oid FROM pg_database WHERE datname = current_database()) AS dbid, n * 1000.5::double precision"
        " AS total_exec_time, 10::bigint AS calls, n * 100.05::double precision AS mean_exec_time, 40::bigint AS rows,"
        " 9::bigint AS shared_blks_hit, 1::bigint AS shared_blks_read, E'SELECT\\n    ' || n AS query"
        " FROM generate_series(1, 20) AS n",
    )
    lines = report(capsys, "--statements", "2")["statements that take the most time"]
    assert [" ".join(line) for line in lines[1:]] == [
        "20.01 10 2,001.00 4.0 90.0 % SELECT 20",
        "19.01 10 1,900.95 4.0 90.0 % SELECT 19",
    ]


def test_redis_is_shown(site: Site, capsys: Captured) -> None:
    site.redis.config_resetstat()
    site.redis.set("there", "1")
    for key in ("there", "there", "there", "not there"):
        site.redis.get(key)
    (names, values) = report(capsys)["Redis"]
    assert names[0] == "memory"
    assert "75.0 %" in " ".join(values)
    assert "allkeys-lru" in values


def test_an_unreachable_redis_is_reported(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert site.rows("SELECT 1") == [(1,)]
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert report(capsys, status=1)["Redis"] == []
    monkeypatch.delenv("REDIS_URL")
    assert [" ".join(line) for line in report(capsys)["Redis"]] == ["REDIS_URL is not set"]
