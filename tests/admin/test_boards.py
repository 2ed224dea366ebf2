"""`python -m admin boards`."""

from __future__ import annotations

import pytest

from shared.cache.ranking_builds import new_build
from shared.cache.ranking_markers import RankingMarkers
from shared.cache.redis import Cache
from shared.postgres import database_identity
from tests.admin.site import PLAYERS, WINNERS, Site, admin
from tests.support.databases import opened, soon
from tests.support.leaderboards import ranked_now

Captured = pytest.CaptureFixture[str]


def lines(captured: Captured, board_id: str) -> list[str]:
    """Return the printed lines about a leaderboard, with single spaces."""
    out = captured.readouterr().out
    return [" ".join(line.split()) for line in out.splitlines() if line.startswith(board_id)]


@pytest.mark.usefixtures("site")
def test_list_shows_where_rankings_are_read_from(capsys: Captured) -> None:
    assert admin("boards", "list") == 0
    assert lines(capsys, "champions") == ["champions points all time 20 fallback never yet"]
    assert admin("boards", "rebuild", "champions") == 0
    capsys.readouterr()
    assert admin("boards", "list") == 0
    assert lines(capsys, "champions") == ["champions points all time 20 20 Redis now"]


def test_rebuild_builds_one_period_or_all_of_a_leaderboard(site: Site, capsys: Captured) -> None:
    assert admin("boards", "rebuild", "best", "--period", "2024-02-29") == 0
    (line,) = lines(capsys, "best")
    assert line.startswith("best 2024-02-29 00:00:00Z: 30 players in ")
    assert site.redis.zcard(site.today.order) == PLAYERS
    assert site.redis.zcard(site.champions.order) == 0
    assert admin("boards", "rebuild", "best") == 0
    periods = site.rows("SELECT count(*) FROM leaderboard_period WHERE board_id = 'best'")[0][0]
    assert len(lines(capsys, "best")) == periods > 1


def test_rebuild_all_builds_every_leaderboard(site: Site) -> None:
    assert admin("boards", "rebuild", "--all") == 0
    # Half of the players have reached the target of two, and got their points.
    assert site.redis.zcard(site.today.order) == PLAYERS
    assert (
        site.redis.zcard(site.champions.order)
        == site.rows("SELECT count(*) FROM standing WHERE scope = 'all' AND schedule = 'lifetime'")[0][0]
    )


def test_rebuild_fails_while_another_builder_is_at_work(site: Site, redis_url: str, capsys: Captured) -> None:
    cache = Cache(redis_url, connections_max=2)
    assert cache.probe() is None
    markers = RankingMarkers(cache)
    with opened(site.database_url, pool_size=1) as database:
        identity = database.autocommit(database_identity.read, soon())
    markers.set_known(identity, {"champions": 1})
    other = new_build(cache, markers, site.catalogue.leaderboard_by_id["champions"], 0)
    assert other is not None
    assert other.begin()
    assert admin("boards", "rebuild", "champions") == 1
    assert "champions: not built: another process is already building it" in capsys.readouterr().err
    other.abandon()
    cache.close()


@pytest.mark.usefixtures("site")
def test_without_redis_rebuild_fails_and_list_works(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(SystemExit) as left:
        admin("boards", "rebuild", "--all")
    assert left.value.code == 1
    assert "Redis does not respond" in capsys.readouterr().err
    assert admin("boards", "list") == 0
    assert lines(capsys, "champions") == ["champions points all time 20 fallback never yet"]
    monkeypatch.delenv("REDIS_URL")
    with pytest.raises(SystemExit) as left:
        admin("boards", "rebuild", "--all")
    assert left.value.code == 2


@pytest.mark.usefixtures("site")
def test_an_unknown_leaderboard_is_refused_with_the_known_ones(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as left:
        admin("boards", "rebuild", "champion")
    assert left.value.code == 1
    assert capsys.readouterr().err == "the catalogue has no leaderboard 'champion'; it has: champions, best\n"


def test_final_rankings_are_listed_as_final(site: Site, capsys: Captured) -> None:
    site.rows(
        "UPDATE leaderboard_period SET final_time = '2024-03-05T00:00Z', players = 7 "
        "WHERE board_id = 'best' AND period_start = '2024-02-29T00:00Z' RETURNING 1"
    )
    period = "2024-02-29 00:00:00Z 2024-03-01 00:00:00Z"
    final = f"best highest of kills {period} 7 final ranking 2024-03-05 00:00:00Z"
    assert admin("boards", "list") == 0
    assert final in lines(capsys, "best")
    assert admin("boards", "list", "--finals", "0") == 0
    assert final not in lines(capsys, "best")


def test_show_reads_from_where_the_services_read(site: Site, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as left:
        admin("boards", "show", "champions")
    assert left.value.code == 1, "nothing is ranked yet"
    assert len(capsys.readouterr().err.splitlines()) == 1
    ranked_now(site.database_url, site.catalogue)
    assert admin("boards", "show", "champions", "--top", "2") == 0
    header, first, second, summary = capsys.readouterr().out.splitlines()
    assert header.split() == ["rank", "player", "score", "reached"]
    assert first.split()[:4] == ["1", "player", "1", "5"]
    assert second.split()[:4] == ["1", "player", "10", "5"], "the rank is shared"
    assert summary.startswith(f"Champions (points), all time: {WINNERS} players, as of 20")
    assert admin("boards", "rebuild", "--all") == 0
    capsys.readouterr()
    assert admin("boards", "show", "champions") == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"{WINNERS} players, as of now")


def test_a_period_is_selected_by_any_instant_in_it(site: Site, capsys: Captured) -> None:
    assert admin("boards", "rebuild", "--all") == 0
    capsys.readouterr()
    assert admin("boards", "show", "best", "--period", "2024-02-29T23:59") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:4] == ["1", "player", str(PLAYERS - 1), str(PLAYERS - 1)]
    assert "2024-02-29 00:00:00Z on" in lines[-1]
    assert site.redis.zcard(site.today.order) == PLAYERS
    with pytest.raises(SystemExit):
        admin("boards", "show", "best", "--period", "2020-01-01")
    assert "had no period then" in capsys.readouterr().err
