"""`python -m admin optimize`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from shared.domain.instant import DAY
from shared.postgres.maintenance.index_definitions import present_indexes, wanted_indexes
from shared.postgres.maintenance.maintenance import is_alone
from shared.runtime.clock import system_clock
from tests.admin.site import PLAYERS, WINNERS, Site, admin
from tests.support.databases import connected
from tests.support.leaderboards import ranked_now
from tests.support.waiting import wait_until

Captured = pytest.CaptureFixture[str]


def lines(captured: Captured) -> list[str]:
    """Return the printed lines, with single spaces."""
    return [" ".join(line.split()) for line in captured.readouterr().out.splitlines()]


def outcome(captured: Captured, step: str) -> str:
    """Return the printed line of the one step whose name begins like this."""
    (line,) = [line for line in lines(captured) if line.startswith(step)]
    return line


def execute(site: Site, statement: str) -> None:
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute(statement)


def index_names(site: Site) -> set[str]:
    with connected(site.database_url) as connection:
        return {index.name for index in present_indexes(connection) if index.valid}


def test_a_migrated_database_has_the_indexes_of_the_migrations(either_database_url: str) -> None:
    with connected(either_database_url) as connection:
        wanted = wanted_indexes()
        assert wanted == present_indexes(connection)
        assert all(index.valid for index in wanted)


def test_missing_indexes_are_created_from_the_migrations(site: Site, capsys: Captured) -> None:
    before = index_names(site)
    for name in ("tally_of_period", "reward_outbox_queue", "leaderboard_ranking_order"):
        execute(site, f"DROP INDEX {name}")
    assert admin("optimize", "--create-indexes", "--dry-run") == 0
    assert "create index reward_outbox_queue of reward_outbox would be done" in lines(capsys)
    assert index_names(site) < before
    assert admin("optimize", "--create-indexes") == 0
    assert index_names(site) == before
    with connected(site.database_url) as connection:
        assert wanted_indexes() == present_indexes(connection)
    capsys.readouterr()
    assert admin("optimize", "--create-indexes") == 0
    assert outcome(capsys, "indexes").endswith("are there and valid")


def test_invalid_indexes_are_rebuilt_and_leftovers_dropped(site: Site, capsys: Captured) -> None:
    before = index_names(site)
    # An index is invalid if its creation failed, as here because rows are not unique.
    execute(site, "CREATE INDEX reward_outbox_grant_id_ccnew ON reward_outbox (grant_id)")
    execute(site, "DROP INDEX reward_outbox_grant_id")
    insert = (
        "INSERT INTO reward_outbox (user_id, goal_id, period_start, occurrence, claim_number, grant_id, state,"
        " provider, reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time)"
        " SELECT 'player', 'goal ' || n, timestamptz 'epoch', 1, 1, '00000000-0000-0000-0000-000000000000', 'PENDING',"
        " 'log', 'ITEM', 'sword', 1, 1, 0, 0, timestamptz 'epoch', timestamptz 'epoch' FROM generate_series(1, 2) AS n"
    )
    execute(site, insert)
    for name in ("reward_outbox_grant_id", "reward_outbox_grant_id_ccold"):
        with pytest.raises(psycopg.errors.UniqueViolation):
            execute(site, f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON reward_outbox (grant_id)")
    assert index_names(site) == before - {"reward_outbox_grant_id"} | {"reward_outbox_grant_id_ccnew"}
    assert admin("optimize", "--create-indexes") == 1, "it is not unique yet"
    assert "not done: could not create unique index" in outcome(capsys, "rebuild index reward_outbox_grant_id")
    execute(site, "DELETE FROM reward_outbox")
    assert admin("optimize", "--create-indexes") == 0
    assert index_names(site) == before | {"reward_outbox_grant_id_ccnew"}, "valid indexes are left alone"
    with connected(site.database_url) as connection:
        assert [index.name for index in present_indexes(connection) if not index.valid] == []


def test_an_index_under_construction_is_left_alone(site: Site, capsys: Captured) -> None:
    with psycopg.connect(site.database_url) as writer, ThreadPoolExecutor(1) as thread:
        writer.execute("INSERT INTO player VALUES ('late', 'UTC', timestamptz 'epoch')")
        building = thread.submit(execute, site, "CREATE INDEX CONCURRENTLY under_construction ON player (time_zone)")
        invalid = "SELECT 1 FROM pg_index WHERE NOT indisvalid AND indexrelid = to_regclass('under_construction')"
        wait_until(lambda: site.rows(invalid))
        assert admin("optimize", "--create-indexes") == 0
        assert outcome(capsys, "indexes").endswith("are there and valid")
        writer.commit()
        building.result()
    assert "under_construction" in index_names(site)


def test_changed_indexes_and_missing_constraints_are_reported_and_left_alone(site: Site, capsys: Captured) -> None:
    execute(site, "ALTER TABLE reward_audit DROP CONSTRAINT reward_audit_pkey")
    execute(site, "DROP INDEX reward_outbox_queue")
    execute(site, "CREATE INDEX reward_outbox_queue ON reward_outbox (provider)")
    assert admin("optimize", "--create-indexes") == 1
    printed = lines(capsys)
    assert len([line for line in printed if "repair by hand" in line]) == 2
    assert {"reward_audit_pkey", "reward_outbox_queue"} & index_names(site) == {"reward_outbox_queue"}


def test_indexes_are_not_changed_by_two_commands_at_once(site: Site, capsys: Captured) -> None:
    with connected(site.database_url) as other:
        assert is_alone(other)
        assert admin("optimize", "--create-indexes") == 1
    assert "somebody else migrates or creates indexes" in outcome(capsys, "indexes")


def test_tables_that_have_changed_are_vacuumed_and_analyzed_once(site: Site, capsys: Captured) -> None:
    execute(
        site,
        "INSERT INTO player SELECT 'p ' || n, 'UTC', timestamptz 'epoch' FROM generate_series(1, 5000) AS n",
    )
    execute(site, "UPDATE player SET time_zone = 'Europe/Paris'")
    execute(site, "SELECT pg_stat_force_next_flush()")
    assert admin("optimize", "--analyze", "--dry-run") == 0
    assert outcome(capsys, "vacuum and analyze player").endswith("would be done")
    assert admin("optimize", "--analyze") == 0
    assert " done " in outcome(capsys, "vacuum and analyze player")
    assert site.rows("SELECT n_dead_tup, n_mod_since_analyze FROM pg_stat_user_tables WHERE relname = 'player'") == [
        (0, 0)
    ]
    # The audit has its first row since that run.
    assert admin("optimize", "--analyze") == 0
    assert outcome(capsys, "analyze operator_audit")
    assert admin("optimize", "--analyze") == 0
    assert lines(capsys)[1].startswith("tables none has changed")


def test_clear_caches_drops_only_our_keys(site: Site, capsys: Captured) -> None:
    assert admin("boards", "rebuild", "--all") == 0
    site.redis.set("challenge-of-somebody-else", "1")
    site.redis.set("session:1", "1")
    capsys.readouterr()
    assert admin("optimize", "--clear-caches", "--dry-run") == 0
    assert outcome(capsys, "drop").endswith("keys in Redis would be done")
    assert site.redis.exists(*site.champions) == 2
    assert admin("optimize", "--clear-caches") == 0
    assert sorted(site.redis.keys("*")) == [b"challenge-of-somebody-else", b"session:1"]
    capsys.readouterr()
    assert admin("optimize", "--clear-caches") == 0
    assert outcome(capsys, "Redis") == "Redis holds no keys of ours"


def test_warm_caches_builds_missing_rankings(site: Site, capsys: Captured) -> None:
    assert admin("boards", "rebuild", "champions") == 0
    capsys.readouterr()
    assert admin("optimize", "--warm-caches") == 0
    printed = lines(capsys)
    assert not any(line.startswith("build champions") for line in printed)
    assert any(line.startswith(f"build best 2024-02-29 00:00:00Z {PLAYERS} players") for line in printed)
    assert (site.redis.zcard(site.champions.order), site.redis.zcard(site.today.order)) == (WINNERS, PLAYERS)
    assert admin("optimize", "--warm-caches") == 0
    assert outcome(capsys, "rankings") == "rankings Redis has all of them"


@pytest.mark.parametrize(("players_max", "read"), [(0, None), (70, 70), (501, 501), (10_000, 1_300)])
def test_warm_caches_reads_the_rows_of_recent_players(
    site: Site, capsys: Captured, players_max: int, read: int | None
) -> None:
    today = system_clock() // DAY
    execute(
        site,
        f"INSERT INTO event_seen (event_day, user_id, event_hash)"  # noqa: S608 - a number
        f" SELECT date 'epoch' + {today} - n % 2, 'p' || n % 1300, decode(md5(n::text), 'hex')"
        " FROM generate_series(1, 3900) AS n",
    )
    execute(
        site,
        "INSERT INTO player SELECT 'p' || n, 'UTC', timestamptz 'epoch' FROM generate_series(0, 1299) AS n",
    )
    assert admin("optimize", "--warm-caches", "--warm-players", str(players_max)) == 0
    printed = [line for line in lines(capsys) if line.startswith("read the rows of")]
    if read is None:
        assert printed == []
    else:
        assert f"{read:,} players, {read:,} rows" in printed[0]


def test_warm_caches_reads_the_first_players_from_the_fallback(site: Site, capsys: Captured) -> None:
    assert admin("optimize", "--warm-caches") == 0
    assert "the database has ranked no players yet" in outcome(capsys, "read the first")
    ranked_now(site.database_url, site.catalogue)
    assert admin("optimize", "--warm-caches") == 0
    assert f" {PLAYERS + WINNERS} players" in outcome(capsys, "read the first")


def test_indexes_are_warmed_if_the_extension_is_installed(site: Site, capsys: Captured) -> None:
    assert admin("optimize", "--warm-caches") == 0
    assert outcome(capsys, "warm indexes") == "warm indexes the extension pg_prewarm is not installed"
    # The embedded server has no extensions: a function of the same name and shape.
    execute(
        site,
        "CREATE FUNCTION pg_prewarm(regclass, mode text DEFAULT 'buffer') RETURNS bigint LANGUAGE sql"
        " AS 'SELECT pg_relation_size($1) / 8192'",
    )
    assert admin("optimize", "--warm-caches") == 0
    assert "indexes," in outcome(capsys, "warm indexes")


def test_full_does_everything(site: Site, capsys: Captured) -> None:
    execute(site, "DROP INDEX standing_of_scope")
    assert admin("optimize", "--full", "--dry-run") == 0
    # Not `dbsize`: that also counts the probe's key, which has expired.
    assert site.redis.keys() == []
    assert "standing_of_scope" not in index_names(site)
    assert admin("optimize", "--full") == 0
    assert "standing_of_scope" in index_names(site)
    assert site.redis.zcard(site.champions.order) == WINNERS
    capsys.readouterr()


def test_an_unreachable_redis_fails_only_its_own_steps(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    execute(site, "DROP INDEX standing_of_scope")
    assert admin("optimize", "--full") == 1
    printed = lines(capsys)
    assert any(line.startswith("Redis not done: Redis does not respond") for line in printed)
    assert any(line.startswith("rankings not done: Redis does not respond") for line in printed)
    assert "standing_of_scope" in index_names(site)
    monkeypatch.delenv("REDIS_URL")
    assert admin("optimize", "--full") == 0
    assert "rankings REDIS_URL is not set" in lines(capsys)


def test_an_unreachable_database_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(SystemExit) as left:
        admin("optimize", "--analyze")
    assert left.value.code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_a_task_the_usage_is_wrong(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as left:
        admin("optimize", "--dry-run")
    assert left.value.code == 2
    assert "say what to do, or --full" in capsys.readouterr().err
