"""`python -m admin identity`, and the prefix of keys in Redis."""

from __future__ import annotations

import pytest

from tests.admin.site import PLAYERS, Site, admin

Captured = pytest.CaptureFixture[str]


def key(site: Site) -> str:
    return str(site.rows("SELECT database_key()")[0][0])


def test_show_prints_the_key_and_the_prefix(site: Site, capsys: Captured) -> None:
    assert admin("identity", "show") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"key in Redis: {key(site)}"
    assert lines[1] == "timeline of the server: 00000001"
    assert lines[2] == "prefix of keys in Redis: not agreed yet"


def test_renew_gives_the_database_another_key(site: Site, capsys: Captured) -> None:
    assert admin("boards", "rebuild", "--all") == 0
    before = key(site)
    old = site.today
    assert admin("identity", "renew") == 0
    assert key(site) != before
    assert f"key in Redis: {key(site)}" in capsys.readouterr().out
    assert site.redis.zcard(site.today.order) == 0
    assert site.redis.zcard(old.order) == PLAYERS, "a clone of the database may use them"
    assert admin("optimize", "--clear-caches") == 0
    assert "holds no keys of ours" in capsys.readouterr().out
    assert site.redis.zcard(old.order) == PLAYERS


def test_a_wrong_prefix_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert admin("identity", "renew", "--redis-prefix", "game-1:") == 0
    assert "prefix of keys in Redis: 'game-1:'" in capsys.readouterr().out
    for command in (("boards", "rebuild", "--all"), ("optimize", "--clear-caches")):
        with pytest.raises(SystemExit) as left:
            admin(*command)
        assert left.value.code == 2
        assert "REDIS_PREFIX is ''" in capsys.readouterr().err
    monkeypatch.setenv("REDIS_PREFIX", "game-1:")
    assert admin("boards", "rebuild", "--all") == 0
    assert site.redis.zcard("game-1:" + site.today.order) == PLAYERS


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("prefix", ["*", "a b", "x" * 65, "{tag}"])
def test_a_prefix_that_could_match_other_keys_is_refused(
    prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with pytest.raises(SystemExit) as left:
        admin("identity", "renew", "--redis-prefix", prefix)
    assert left.value.code == 2
    monkeypatch.setenv("REDIS_PREFIX", prefix)
    with pytest.raises(SystemExit) as left:
        admin("boards", "rebuild", "--all")
    assert left.value.code == 2
    assert "REDIS_PREFIX" in capsys.readouterr().err
