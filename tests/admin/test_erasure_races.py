"""An erasure leaves nothing of a player behind, whatever runs beside it, and imports do not bring the player back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from shared.domain.instant import DAY, HOUR
from shared.domain.operator_acts import Acting
from shared.operations.leaderboards.period_finish import finish_leaderboard_periods
from shared.operations.operators.erase_player import ErasureRefused, erase_player
from shared.postgres.connection import Connection
from shared.postgres.operators import player_data
from shared.postgres.operators.player_data import ErasedPlayer
from tests.admin.site import Site, admin
from tests.support.databases import connected, opened, soon
from tests.support.proxy import proxy_to
from tests.support.services import NOW
from tests.support.waiting import wait_until

Captured = pytest.CaptureFixture[str]

KEY = "a secret of the operators"
WHY = ("--reason", "as asked for", "--operator", "ada")
PLAYER = "player 4"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERASE_LIST_KEY", KEY)


def erase(site: Site, player: str = PLAYER) -> int:
    return admin("player", "erase", player, "--list", str(site.catalogue_file.parent / "erased.jsonl"), *WHY)


def settle(site: Site) -> None:
    with connected(site.database_url) as connection:
        connection.execute("UPDATE reward_outbox SET state = 'GRANTED', settle_time = now()")


@pytest.mark.parametrize(
    ("player", "pseudonym", "reason"),
    [
        (PLAYER, "player 5", "x"),
        (PLAYER, PLAYER, "x"),
        (PLAYER, "", "x"),
        (PLAYER, None, "x"),
        (PLAYER, "erased-0123456789abcdeF", "x"),
        (PLAYER, "erased-0123456789abcdef\n", "x"),
        (PLAYER, "erased-0123456789abcdef", None),
        (None, "erased-0123456789abcdef", "x"),
    ],
)
def test_the_function_takes_no_other_pseudonym(
    site: Site, player: str | None, pseudonym: str | None, reason: str | None
) -> None:
    before = site.rows("SELECT count(*) FROM tally")
    with psycopg.connect(site.database_url) as connection, pytest.raises(psycopg.DataError):
        connection.execute("SELECT erase_player(%s, %s, now(), 'ada', %s)", (player, pseudonym, reason))
    assert site.rows("SELECT count(*) FROM tally") == before


@pytest.mark.parametrize(
    "line",
    [
        {"player_hash": "0" * 64, "pseudonym": "player 5"},
        {"player_hash": "x", "pseudonym": "erased-" + "0" * 16},
        {"player_hash": "0" * 64, "pseudonym": "erased-" + "0" * 16, "key_hash": "player 5"},
    ],
)
@pytest.mark.usefixtures("site")
def test_a_list_with_anything_else_is_refused(line: dict[str, str], tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "list.jsonl"
    file.write_text(json.dumps(line) + "\n")
    with pytest.raises(SystemExit):
        admin("player", "erase", "--replay", str(file), *WHY)
    assert "line 1 " in capsys.readouterr().err


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


def test_a_period_that_is_being_made_final_keeps_no_name(
    site: Site, in_thread: Callable[[Callable[[], object]], threading.Thread]
) -> None:
    with psycopg.connect(site.database_url) as finishing:
        # As the duty does it, which had read the scores before the tombstone and is not through yet.
        finishing.execute("SELECT pg_try_advisory_xact_lock(1667785068, 3)")
        finishing.execute(
            "INSERT INTO leaderboard_final (board_id, period_start, place, shared_rank, user_id, score, reached_time)"
            " SELECT board_id, period_start, row_number() OVER (PARTITION BY board_id, period_start), 1, user_id,"
            " score, reached_time FROM leaderboard_score WHERE board_id = 'best'"
        )
        finishing.execute("UPDATE leaderboard_period SET final_time = now(), players = 30 WHERE board_id = 'best'")
        erasing = in_thread(lambda: erase(site))
        with psycopg.connect(site.database_url, autocommit=True) as observer:
            while not observer.execute("SELECT FROM player_tombstone").fetchall():
                pass
        finishing.commit()
        erasing.join()
    named = "SELECT count(*) FROM leaderboard_final WHERE user_id = %s"
    assert site.rows(named, PLAYER) == [(0,)]
    assert site.rows("SELECT count(*) FROM leaderboard_final WHERE user_id LIKE 'erased-' || repeat('_', 16)")[0][0] > 0


def test_no_period_is_made_final_while_a_player_is_being_erased(site: Site) -> None:
    with opened(site.database_url, pool_size=2) as database, psycopg.connect(site.database_url) as erasing:
        erasing.execute("SELECT erase_player(%s, 'erased-0123456789abcdef', now(), 'ada', 'x')", (PLAYER,))
        assert finish_leaderboard_periods(database, HOUR, NOW + 30 * DAY) == 0
        erasing.commit()
        assert finish_leaderboard_periods(database, HOUR, NOW + 30 * DAY) > 0
    assert site.rows("SELECT count(*) FROM leaderboard_final WHERE user_id = %s", PLAYER) == [(0,)]


def test_an_erasure_that_waited_too_long_for_a_period_says_so_and_can_be_repeated(site: Site) -> None:
    erased = ErasedPlayer(PLAYER, "erased-" + "0" * 16, "0" * 64, "0" * 64)
    acting = Acting(NOW, "ada", "x")
    settle(site)
    with opened(site.database_url, pool_size=1) as database:
        # Sessions wait for other locks for a while only.
        database.autocommit(lambda connection: connection.execute("SET lock_timeout = '1ms'"), soon())
        with psycopg.connect(site.database_url) as finishing:
            finishing.execute("SELECT pg_try_advisory_xact_lock(1667785068, 3)")
            with pytest.raises(ErasureRefused, match=r"is being made final.*repeat this"):
                erase_player(database, erased, acting, soon(), finishing_s=0.2)
        with psycopg.connect(site.database_url) as finishing:
            finishing.execute("SELECT pg_try_advisory_xact_lock(1667785068, 3)")
            with ThreadPoolExecutor(1) as threads:
                waiting = threads.submit(erase_player, database, erased, acting, soon())
                wait_until(lambda: site.rows("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0] > 0)
                finishing.commit()
                assert waiting.result().complete
    assert site.rows("SELECT count(*) FROM tally WHERE user_id = %s", PLAYER) == [(0,)]


def test_no_bookmark_of_a_sweep_is_an_erased_player(site: Site) -> None:
    sweep = (
        "INSERT INTO player_sweep (duty, version, owner, step_time, begin_time, bookmark, visited, unpublished)"
        " VALUES (%s, 'v', '', now(), now(), %s, 7, true)"
    )
    with psycopg.connect(site.database_url) as connection:
        connection.execute(sweep, ("at the player", PLAYER))
        connection.execute(sweep, ("elsewhere", "player 3"))
        connection.commit()
        settle(site)

        def erased_meanwhile(work: Connection) -> None:
            erased = ErasedPlayer(PLAYER, "erased-" + "0" * 16, "0" * 64, "0" * 64)
            player_data.erase(work, erased, Acting(NOW, "ada", "x"))
            # No step goes on that could still see the player.
            assert connection.execute("SELECT duty FROM player_sweep FOR UPDATE SKIP LOCKED").fetchall() == []

        with opened(site.database_url, pool_size=1) as database:
            database.rehearse(erased_meanwhile, soon())
    assert erase(site) == 0
    assert site.rows("SELECT bookmark, visited FROM player_sweep WHERE version = 'v' ORDER BY duty") == [
        ("", 0),
        ("player 3", 7),
    ]


def test_no_import_brings_a_listed_player_back(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    settle(site)
    assert erase(site) == 0
    with connected(site.database_url) as connection:
        connection.execute("DELETE FROM player_tombstone")
    folder = site.catalogue_file.parent
    line = {"table": "tally", "user_id": PLAYER, "source": "stat", "stat_code": "kills", "sum": 7, "events": 4}
    (folder / "old.jsonl").write_text(json.dumps(line) + "\n" + json.dumps(line | {"user_id": "other"}) + "\n")
    first = ("player", "import", str(folder / "old.jsonl"), "--name", "first", *WHY)
    assert admin(*first, "--erased", str(folder / "erased.jsonl")) == 1
    assert f"{PLAYER}: not imported: the player was erased here" in capsys.readouterr().err
    assert site.rows("SELECT user_id FROM tally WHERE user_id IN ('player 4', 'other')") == [("other",)]
    monkeypatch.delenv("ERASE_LIST_KEY")
    with pytest.raises(SystemExit):
        admin(*first, "--erased", str(folder / "erased.jsonl"))
    assert "ERASE_LIST_KEY" in capsys.readouterr().err


def test_a_list_under_another_key_is_not_taken_for_one_without_players(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    settle(site)
    assert erase(site) == 0
    folder = site.catalogue_file.parent
    names, file = folder / "erased.jsonl", folder / "other.jsonl"
    file.write_text(json.dumps({"table": "tally", "user_id": "other", "source": "login", "events": 1}) + "\n")
    # A release before did not write which key it was, and such a line is taken.
    listed = json.loads(names.read_text())
    (folder / "before.jsonl").write_text(
        json.dumps({name: listed[name] for name in ("player_hash", "pseudonym")}) + "\n"
    )
    monkeypatch.setenv("ERASE_LIST_KEY", "another secret of the operators")
    assert admin("player", "erase", "--replay", str(folder / "before.jsonl"), *WHY) == 0
    for command in (
        ("erase", "--replay", str(names)),
        ("import", str(file), "--name", "first", "--erased", str(names)),
    ):
        with pytest.raises(SystemExit):
            admin("player", *command, *WHY)
        assert "line 1 was written under another ERASE_LIST_KEY" in capsys.readouterr().err
    assert site.rows("SELECT count(*) FROM player_import") == [(0,)]


@pytest.mark.parametrize("erased_before", [False, True])
def test_a_refused_erasure_leaves_the_tombstone_of_the_one_before(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Captured, erased_before: bool
) -> None:
    settle(site)
    if erased_before:
        assert erase(site) == 0
        site.play(first=100)
        with connected(site.database_url) as connection:
            # A call that came after the erasure, which nothing refuses.
            connection.execute("INSERT INTO player VALUES ($1, 'UTC', now())", [PLAYER])
    stored = player_data.store_tombstone

    def store_while_a_reward_is_claimed(connection: Connection, user_id: str, *rest: int) -> int:
        claim = (
            "INSERT INTO reward_outbox (user_id, goal_id, period_start, occurrence, claim_number, grant_id, state,"
            " provider, reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time)"
            " VALUES ($1, 'win', 'epoch', 1, 1, gen_random_uuid(), 'PENDING',"
            " 'log', 'ITEM', 'x', 1, 5, 0, 0, now(), now())"
        )
        with connected(site.database_url) as claiming:
            claiming.execute(claim, [user_id])
        return stored(connection, user_id, *rest)

    monkeypatch.setattr(player_data, "store_tombstone", store_while_a_reward_is_claimed)
    with pytest.raises(SystemExit):
        erase(site)
    assert "1 grants may still be delivered" in capsys.readouterr().err
    assert site.rows("SELECT user_id FROM player_tombstone") == ([(PLAYER,)] if erased_before else [])


def test_a_redis_that_is_slow_to_connect_is_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch, redis_url: str, capsys: Captured
) -> None:
    settle(site)
    with proxy_to(redis_url) as (proxy, url):
        monkeypatch.setenv("REDIS_URL", url)
        proxy.freeze()
        thawing = threading.Timer(0.5, proxy.thaw)
        thawing.start()
        try:
            assert erase(site) == 0
        finally:
            thawing.join()
    assert json.loads(capsys.readouterr().out)["rankings_in_redis"] is not None


def imported(site: Site, name: str = "move") -> int:
    file = site.catalogue_file.parent / "one.jsonl"
    line = {"table": "tally", "user_id": "foreign", "source": "stat", "stat_code": "kills", "sum": 7, "events": 4}
    file.write_text(json.dumps(line) + "\n" + json.dumps(line | {"user_id": "other"}) + "\n")
    return admin("player", "import", str(file), "--name", name, *WHY)


def test_an_import_that_is_repeated_brings_no_erased_player_back(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert imported(site) == 0
    assert erase(site, "foreign") == 0
    with connected(site.database_url) as connection:
        connection.execute("DELETE FROM player_tombstone")
    capsys.readouterr()
    assert imported(site) == 1
    assert "foreign: not imported: the player was erased here" in capsys.readouterr().err
    assert site.rows("SELECT count(*) FROM tally WHERE user_id = 'foreign'") == [(0,)]
    assert site.rows("SELECT count(*) FROM tally WHERE user_id = 'other'") == [(1,)]
    assert "foreign" not in str(site.rows("SELECT * FROM erased_import"))
    for wrong in ("", "another secret of theirs"):
        monkeypatch.setenv("ERASE_LIST_KEY", wrong)
        with pytest.raises(SystemExit):
            imported(site)
    assert "ERASE_LIST_KEY" in capsys.readouterr().err
    assert imported(site, "another import") == 0
