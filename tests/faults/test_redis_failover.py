"""A primary of a cluster, or one that a Sentinel watches, is lost: no call fails, and rankings come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.cache.keys import hash_tag
from shared.domain.scores import RankingKey
from tests.admin.site import admin
from tests.catalogue.documents import loaded, write_json
from tests.faults.redis_load import DOCUMENT, Load, Side
from tests.faults.test_redis_faults import CALLS, HEALED_S, Rankings
from tests.support.service_process import ServiceProcess, serving
from tests.support.valkey_cluster import valkey_cluster, watched_by_sentinel
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


class Place(NamedTuple):
    """Several servers, and how to lose the one that has a ranking."""

    url: str
    lose: Callable[[], None]


@contextmanager
def cluster(folder: Path) -> Iterator[Place]:
    """Start a cluster in which one primary has a replica, and rankings."""
    with valkey_cluster(folder, replicas=3) as started:
        yield Place(started.url, started.node_of(hash_tag(RankingKey("sums", 0))).kill)


@contextmanager
def sentinel(folder: Path) -> Iterator[Place]:
    """Start a primary, its replica and a Sentinel."""
    with watched_by_sentinel(folder) as watched:
        yield Place(watched.sentinel.url, watched.primary.kill)


def probe_failed(service: ServiceProcess) -> bool:
    """Return whether a service has found Redis away since all rankings were there."""
    return any(line["probe"] == "redis" for line in service.logged("probe failing"))


@pytest.mark.parametrize("start", [cluster, sentinel])
def test_a_lost_primary_fails_no_call(
    database_url: str, tmp_path: Path, start: Callable[[Path], Iterator[Place]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # This process asks Redis, too, as long as a slow machine takes.
    for limit in ("TIMEOUT_S", "DUTY_TIMEOUT_S"):
        monkeypatch.setattr(f"shared.cache.redis.{limit}", 10.0)
    catalogue = write_json(tmp_path / "catalogue.json", DOCUMENT)
    settings = {"CATALOGUE": str(catalogue)}
    with start(tmp_path) as place:  # type: ignore[attr-defined]
        of_redis = {**settings, "REDIS_URL": place.url}
        with (
            serving("event_handler", database_url, **of_redis) as handler,
            serving("challenge_service", database_url, **of_redis) as challenges,
            serving("event_handler", database_url, REDIS_URL="", **settings) as other_handler,
            serving("challenge_service", database_url, REDIS_URL="", **settings) as other_challenges,
        ):
            sides = Side("with Redis", handler, challenges), Side("without", other_handler, other_challenges)
            load, rankings = Load(*sides), Rankings(database_url, place.url, loaded(DOCUMENT))
            wait_until(rankings.agree, HEALED_S)
            with load.running():
                wait_until(lambda: load.count() > CALLS, HEALED_S)
                place.lose()
                wait_until(lambda: probe_failed(challenges), HEALED_S)
                wait_until(lambda: challenges.health("redis") == "SERVING", HEALED_S)
                calls = load.count()
                wait_until(lambda: load.count() > calls + CALLS, HEALED_S)
            wait_until(rankings.agree, HEALED_S)
            assert load.problems() == []
            print(f"\n{start.__name__}: {load.count()} calls, none failed or wrong")  # noqa: T201
        for name, value in {"DATABASE_URL": database_url, **of_redis}.items():
            monkeypatch.setenv(name, value)
        assert admin("verify", "--all") == 0
