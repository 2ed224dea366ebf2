"""`python -m admin verify`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from admin.leaderboard_access import LeaderboardAccess
from shared.domain.scores import RankingKey
from shared.operations.leaderboards import ranking_check
from tests.admin.site import PLAYERS, Site, admin
from tests.support.valkey_cluster import valkey_cluster

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_check, "ARRIVAL_S", 0)


@pytest.fixture
def built(site: Site, capsys: Captured) -> Site:
    """Build all rankings in Redis."""
    assert admin("boards", "rebuild", "--all") == 0
    capsys.readouterr()
    return site


def findings(captured: Captured) -> list[str]:
    """Return the printed numbers about today's ranking: compared and differences."""
    lines = captured.readouterr().out.splitlines()
    return [" ".join(line.split()[-2:]) for line in lines if line.startswith("best") and "2024-02-29" in line]


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("size", [["--all"], ["--sample", "7"], []])
def test_equal_scores_are_no_difference(capsys: Captured, size: list[str]) -> None:
    assert admin("verify", *size) == 0
    (found,) = findings(capsys)
    assert found in (f"{PLAYERS} 0", "7 0")


@pytest.mark.usefixtures("built")
def test_a_period_without_bounds_is_called_all_time(capsys: Captured) -> None:
    assert admin("verify") == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("champions"))
    assert "all time" in line


def test_a_missing_ranking_is_no_difference_and_is_built_by_repair(site: Site, capsys: Captured) -> None:
    assert admin("verify", "--all") == 0
    assert findings(capsys) == ["in Redis"]
    assert admin("verify", "--all", "--repair") == 0
    assert findings(capsys)[-1] == f"{PLAYERS} 0"
    assert site.redis.zcard(site.today.order) == PLAYERS


def test_a_ranking_that_repair_cannot_build_is_a_failure(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def built(_: LeaderboardAccess, rankings: Sequence[RankingKey]) -> bool:
        return not rankings

    monkeypatch.setattr(LeaderboardAccess, "build_all", built)
    assert admin("verify", "--all", "--repair") == 1
    assert findings(capsys) == ["in Redis", "in Redis"]
    assert not site.redis.exists(site.today.order)


@pytest.mark.slow
@pytest.mark.usefixtures("site")
def test_a_redis_that_cannot_be_used_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with valkey_cluster(tmp_path) as cluster, monkeypatch.context() as patched:
        # A node by itself has some of the rankings, and names other nodes for the rest.
        patched.setenv("REDIS_URL", cluster.nodes[0].url)
        with pytest.raises(SystemExit, match="1"):
            admin("verify", "--all")
        assert "REDIS_URL must begin with redis+cluster://" in capsys.readouterr().err
        patched.setenv("REDIS_URL", cluster.url)
        assert admin("boards", "rebuild", "--all") == admin("verify", "--all") == 0
        assert findings(capsys)[-1] == f"{PLAYERS} 0"
        cluster.nodes[1].kill()
        with pytest.raises(SystemExit, match="1"):
            admin("verify", "--all")


def test_changes_that_redis_missed_are_differences_until_repaired(built: Site, capsys: Captured) -> None:
    built.play(100)
    assert admin("verify", "--all") == 1
    out, err = capsys.readouterr()
    assert f"{PLAYERS} {PLAYERS}" in " ".join(out.split())
    assert "changes wait to get to Redis" in err
    assert admin("verify", "--all", "--repair") == 0
    assert admin("verify", "--all") == 0


def test_a_player_that_only_redis_has_is_found(built: Site, capsys: Captured) -> None:
    place = bytes(16)
    built.redis.zadd(built.today.order, {place + b"nobody": 0})
    built.redis.hset(built.today.players, "nobody", bytes(8) + place)
    for size in (["--all"], ["--sample", "50"]):
        assert admin("verify", *size) == 1
        assert findings(capsys) == [f"{PLAYERS} 1"]


def test_a_corrupt_ranking_is_not_used_and_is_rebuilt_by_repair(built: Site, capsys: Captured) -> None:
    built.redis.delete(built.champions.order)
    built.redis.set(built.champions.order, "garbage")
    assert admin("verify") == 0
    assert "not in Redis" in capsys.readouterr().out
    assert admin("verify", "--repair") == 0
    assert "not in Redis" not in capsys.readouterr().out.splitlines()[-1]
    assert built.redis.zcard(built.champions.order) > 0
