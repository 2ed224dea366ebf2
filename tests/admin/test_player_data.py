"""`python -m admin player show`, `export` and `erase`: all of it, and only of one player."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from shared.domain.events import Event, Outcome, Verdict
from shared.domain.instant import DAY, HOUR
from shared.operations.events.ledger_partitions import keep_ledger_partitions
from shared.operations.rewards.claim import claim_reward
from shared.postgres.operators import player_data
from tests.admin.site import PLAYERS, Site, admin
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.services import NOW
from tests.support.strategies import KILLS
from tests.support.unstalled_clock import unstalled_s

Captured = pytest.CaptureFixture[str]

ZOE = 'zoë "the\\first" \U0001f389'
KEY = "a secret of the operators"
WHY = ("--reason", "as asked for", "--operator", "ada")


def query(site: Site, text: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        cursor = connection.execute(text.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


def play(site: Site, event_id: str, user_id: str = ZOE) -> Outcome:
    with opened(site.database_url, pool_size=1) as database:
        (outcome,) = flush(database, site.catalogue, [Event(event_id, user_id, NOW, KILLS, delta=3, value=9)], soon())
    assert outcome is not None
    return outcome


@pytest.fixture
def zoe(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return the game, in which Zoë has left traces everywhere."""
    monkeypatch.setenv("ERASE_LIST_KEY", KEY)
    play(site, "1")
    with opened(site.database_url, pool_size=2) as database:
        claim_reward(database, site.catalogue, ZOE, site.catalogue.goals["win"], None, NOW, soon())
    assert admin("points", "adjust", ZOE, "+5", *WHY) == 0
    assert admin("boards", "rebuild", "--all") == 0
    query(site, "UPDATE reward_outbox SET state = 'GRANTED', settle_time = now()")
    query(site, "INSERT INTO player VALUES (%s, 'UTC', now())", ZOE)
    query(site, "INSERT INTO assignment VALUES (%s, 'win', true, NULL, 0)", ZOE)
    query(site, "INSERT INTO started_challenge VALUES (%s, 'arena')", ZOE)
    query(site, "INSERT INTO leaderboard_period VALUES ('old', 'epoch', 'epoch', 'epoch', 1);")
    query(site, "INSERT INTO leaderboard_final VALUES ('old', 'epoch', 1, 1, %s, 9, 'epoch')", ZOE)
    query(site, "INSERT INTO leaderboard_journal (user_ids) VALUES (%s)", [ZOE, "player 1"])
    query(
        site,
        "INSERT INTO reward_audit (act_time, operator, action, grant_id, reason, before)"
        " SELECT now(), 'ada', 'bury', grant_id, 'asked by ' || user_id, '{}' FROM reward_outbox WHERE user_id = %s",
        ZOE,
    )
    return site


def everything(site: Site) -> bytes:
    """Return all rows of the database but those of the ledger, and all of Redis."""
    found = []
    with psycopg.connect(site.database_url) as connection:
        query = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace"
        for (name,) in connection.execute(query).fetchall():
            copied = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(name))
            with connection.cursor().copy(copied) as copy:
                found += [bytes(block) for block in copy]
    for key in site.redis.scan_iter():
        found += [key, site.redis.dump(key) or b""]
    return b"".join(found)


def erase(site: Site, user_id: str = ZOE, file: str = "erased.jsonl") -> int:
    return admin("player", "erase", user_id, "--list", str(site.catalogue_file.parent / file), *WHY)


def traces(found: bytes) -> list[bytes]:
    """Return the forms in which bytes still name Zoë."""
    forms = (ZOE, ZOE.replace("\\", "\\\\"), json.dumps(ZOE)[1:-1], "the\\first", "\U0001f389")
    return [form.encode() for form in forms if form.encode() in found]


def test_everything_of_a_player_is_shown_and_exported(zoe: Site, capsys: Captured, tmp_path: Path) -> None:
    capsys.readouterr()
    assert admin("player", "export", ZOE) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"table": "export", "format": 1, "user_id": ZOE}
    assert {line["table"] for line in lines[1:]} == {
        "player",
        "tally",
        "assignment",
        "changed_player",
        "completion",
        "started_challenge",
        "reward_outbox",
        "points_adjustment",
        "standing",
        "leaderboard_final",
        "event_seen",
        "operator_audit",
    }
    assert {line["user_id"] for line in lines} == {ZOE}
    with connected(zoe.database_url) as connection:
        assert player_data.traces(connection, ZOE) == {line["table"] for line in lines[1:]}
    assert admin("player", "show", ZOE) == 0
    shown = capsys.readouterr().out
    assert all(line["table"] in shown for line in lines[1:])
    file = tmp_path / "zoe.jsonl"
    assert admin("player", "export", ZOE, "--output", str(file)) == 0
    assert [json.loads(line) for line in file.read_text().splitlines()] == lines
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(SystemExit):
        admin("player", "export", ZOE, "--output", str(file))
    with pytest.raises(SystemExit):
        admin("player", "show", "nobody")


def test_nothing_names_an_erased_player(zoe: Site, capsys: Captured) -> None:
    assert traces(everything(zoe))
    capsys.readouterr()
    assert erase(zoe) == 0
    receipt = json.loads(capsys.readouterr().out)
    assert receipt["rows"]["tally"] == 2
    assert receipt["rankings_in_redis"] == 2
    # The ledger and the tombstone go with the days.
    with opened(zoe.database_url, pool_size=1) as database:
        query(zoe, "UPDATE player_tombstone SET until_time = 'epoch'")
        keep_ledger_partitions(database, 72 * HOUR, NOW, soon())
        for _ in range(8):
            keep_ledger_partitions(database, 72 * HOUR, NOW + 30 * DAY, soon())
    assert traces(everything(zoe)) == []
    assert query(zoe, "SELECT user_id FROM leaderboard_final") == [(receipt["erased_as"],)], "the place is kept"
    assert zoe.redis.zcard(zoe.champions.order) == PLAYERS * 2 // 3
    assert zoe.redis.hlen(zoe.champions.players) == PLAYERS * 2 // 3 + 1
    kinds = query(zoe, "SELECT kind, user_id FROM operator_audit WHERE user_id IS NOT NULL ORDER BY audit_id")
    assert kinds == [(kind, receipt["erased_as"]) for kind in ("points adjust", "rewards bury", "player erase")]
    assert admin("verify", "--all") == 0


def test_a_player_with_thousands_of_completions_is_exported_and_erased_in_a_moment(zoe: Site, capsys: Captured) -> None:
    query(
        zoe,
        "INSERT INTO completion (user_id, goal_id, period_start, occurrence, challenge_id)"
        " SELECT %s, 'goal ' || n, 'epoch', 1, 'arena' FROM generate_series(1, 5000) AS n",
        ZOE,
    )
    started = unstalled_s()
    assert admin("player", "export", ZOE) == 0
    assert erase(zoe) == 0
    assert unstalled_s() - started < 4.0 * BUSY_FACTOR, "two seconds each"
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]["completion"] == 5_001


def test_others_stay_as_they_are(zoe: Site) -> None:
    others = "SELECT to_jsonb(t) FROM tally AS t WHERE user_id <> %s ORDER BY 1"
    before = query(zoe, others, ZOE)
    assert erase(zoe) == 0
    assert query(zoe, others, ZOE) == before
    assert query(zoe, "SELECT user_ids FROM leaderboard_journal WHERE 'player 1' = ANY (user_ids)")


def test_late_events_of_an_erased_player_are_refused_until_they_are_too_old(zoe: Site) -> None:
    assert erase(zoe) == 0
    for _ in range(2):
        assert play(zoe, "late") == Outcome(Verdict.INVALID, reason="user_id: the player was erased")
    assert play(zoe, "late", "player 1").verdict is Verdict.APPLIED
    assert query(zoe, "SELECT count(*) FROM tally WHERE user_id = %s", ZOE) == [(0,)]
    ((rest,),) = query(zoe, "SELECT until_time - erase_time > interval '4 days' FROM player_tombstone")
    assert rest
    query(zoe, "UPDATE player_tombstone SET until_time = 'epoch'")
    with opened(zoe.database_url, pool_size=1) as database:
        keep_ledger_partitions(database, 72 * HOUR, NOW, soon())
    assert play(zoe, "later").verdict is Verdict.APPLIED


def test_grants_are_settled_first(zoe: Site, capsys: Captured) -> None:
    query(zoe, "UPDATE reward_outbox SET state = 'PENDING', settle_time = NULL")
    with pytest.raises(SystemExit) as ended:
        erase(zoe)
    assert ended.value.code == 1
    assert "1 grants may still be delivered" in capsys.readouterr().err
    assert not (zoe.catalogue_file.parent / "erased.jsonl").exists(), "a replay would erase the player"
    assert play(zoe, "2").verdict is Verdict.APPLIED


def test_the_list_has_no_names_and_is_replayed_after_a_restore(zoe: Site, capsys: Captured) -> None:
    file = zoe.catalogue_file.parent / "erased.jsonl"
    assert erase(zoe) == 0
    assert traces(file.read_bytes()) == []
    # As after a restore of an older backup.
    query(zoe, "DELETE FROM player_tombstone")
    play(zoe, "restored")
    capsys.readouterr()
    assert admin("player", "erase", "--replay", str(file), *WHY) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert json.loads(captured.out)["erased_as"] == json.loads(file.read_text())["pseudonym"]
    assert "1 players were erased again" in captured.err
    assert query(zoe, "SELECT count(*) FROM tally WHERE user_id = %s", ZOE) == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [((ZOE,), 2), (("--list", "{}"), 2), ((ZOE, "--list", "{}", "--replay", "{}"), 2), (("nobody", "--list", "{}"), 1)],
)
def test_impossible_erasures_are_refused(zoe: Site, arguments: tuple[str, ...], status: int, tmp_path: Path) -> None:
    file = tmp_path / "list.jsonl"
    file.touch()
    with pytest.raises(SystemExit) as ended:
        admin("player", "erase", *(argument.replace("{}", str(file)) for argument in arguments), *WHY)
    assert ended.value.code == status
    assert query(zoe, "SELECT count(*) > 0 FROM tally WHERE user_id = %s", ZOE) == [(True,)]


@pytest.fixture
def in_thread() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """Yield a function that starts a thread, which is joined at the end."""
    threads: list[threading.Thread] = []

    def start(work: Callable[[], object]) -> threading.Thread:
        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return threads[-1]

    yield start
    for thread in threads:
        thread.join()


def test_a_flush_in_progress_leaves_nothing_behind(
    zoe: Site, in_thread: Callable[[Callable[[], object]], threading.Thread]
) -> None:
    with psycopg.connect(zoe.database_url) as flushing:
        # As a flush does it that began before the tombstone: it has recorded the event, and counts it later.
        flushing.execute("INSERT INTO event_seen VALUES ('2024-02-29', %s, decode(md5('x'), 'hex'))", (ZOE,))
        erasing = in_thread(lambda: erase(zoe))
        with psycopg.connect(zoe.database_url, autocommit=True) as observer:
            while not observer.execute("SELECT count(*) FROM player_tombstone").fetchall()[0][0]:
                pass
        flushing.execute(
            "INSERT INTO tally (user_id, source, stat_code, schedule, period_start, sum, events, days, day_count)"
            " VALUES (%s, 'stat', 'late', 'lifetime', 'epoch', 1, 1, '{}', 0)",
            (ZOE,),
        )
        flushing.commit()
        erasing.join()
    assert query(zoe, "SELECT count(*) FROM tally WHERE user_id = %s", ZOE) == [(0,)]
